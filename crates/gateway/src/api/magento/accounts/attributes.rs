//! What is known of a customer and of an address: the one table by which they are read, judged and described
//! (magento-webapi 9.1, 9.2 "metadata"). Codes, labels, order and forms are those of a shop as it is installed; what Doorward
//! neither keeps nor takes (hashes, counters of failures, keys of confirmations) is not in it.

use doorward_core::ports::Document;
use doorward_wire::magento::Error;
use serde_json::Value;

/// Something that is known of a customer or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    /// Its name in the interface.
    pub(super) code: &'static str,
    /// What people call it.
    pub(super) label: &'static str,
    /// How it is kept.
    pub(super) kept: Kept,
    /// The field of a form that it is.
    pub(super) input: &'static str,
    /// What a form does to what was typed.
    pub(super) filter: &'static str,
    /// Whether there must be one. Where nothing is sent of what stands for website, store view and group, it is filled in.
    pub(super) required: bool,
    /// Whether a new shop shows it to its customers.
    pub(super) visible: bool,
    /// Whether the shop cannot do without it.
    pub(super) system: bool,
    /// Its place in forms.
    pub(super) order: u32,
    /// The most characters of a text, or of each line.
    pub(super) most: Option<usize>,
    /// What else must hold of a text: `email`, `date`.
    pub(super) rule: Option<&'static str>,
    /// Whether lists in the back office load it, show it, filter by it and search in it.
    pub(super) grid: [bool; 4],
    /// The forms that it is in.
    pub(super) forms: &'static [&'static str],
}

/// How something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// As text, as it was sent.
    Text,
    /// As a number.
    Number,
    /// As the id of one of the customer's addresses.
    Address,
    /// As a list of texts.
    Lines,
    /// With more than its name says: by code that knows it.
    Apart,
    /// It is shown, and whatever is sent is not read.
    Shown,
}

const FORMS: &[&str] = &["customer_account_create", "customer_account_edit", "adminhtml_customer"];
const CHECKOUT: &[&str] = &["customer_account_create", "customer_account_edit", "adminhtml_customer", "adminhtml_checkout"];
const BACK_OFFICE: &[&str] = &["adminhtml_customer"];
const ORDERS: &[&str] = &["adminhtml_customer", "adminhtml_checkout"];
const ADDRESS_FORMS: &[&str] = &["adminhtml_customer_address", "customer_address_edit", "customer_register_address"];

/// Of a customer, in the order in which a shop makes them.
pub(super) static CUSTOMER: [Attribute; 18] = [
    choice("website_id", "Associate to Website", 10).grid("uvf").forms(BACK_OFFICE),
    choice("store_id", "Create In", 0).hidden(),
    text("created_in", "Created From", 20).shown().grid("uvs").forms(BACK_OFFICE),
    text("prefix", "Name Prefix", 30).extra().forms(FORMS),
    text("firstname", "First Name", 40).trimmed().required().most(255).forms(FORMS),
    text("middlename", "Middle Name/Initial", 50).trimmed().extra().forms(FORMS),
    text("lastname", "Last Name", 60).trimmed().required().most(255).forms(FORMS),
    text("suffix", "Name Suffix", 70).extra().forms(FORMS),
    text("email", "Email", 80).apart().required().rule("email").grid("uvfs").forms(CHECKOUT),
    choice("group_id", "Group", 25).grid("uvf").forms(ORDERS),
    text("dob", "Date of Birth", 90).input("date").filter("date").extra().rule("date").grid("uvf").forms(CHECKOUT),
    text("default_billing", "Default Billing Address", 0).kept(Kept::Address).hidden(),
    text("default_shipping", "Default Shipping Address", 0).kept(Kept::Address).hidden(),
    text("taxvat", "Tax/VAT Number", 100).extra().most(255).grid("uvs").forms(CHECKOUT),
    text("created_at", "Created At", 0).input("date").shown().extra().grid("uvf"),
    text("gender", "Gender", 110).input("select").kept(Kept::Number).extra().grid("uvf").forms(CHECKOUT),
    text("disable_auto_group_change", "Disable Automatic Group Change Based on VAT ID", 28)
        .input("boolean")
        .kept(Kept::Number)
        .forms(BACK_OFFICE),
    text("updated_at", "Updated At", 0).input("date").shown().extra(),
];

/// Of an address, likewise.
pub(super) static ADDRESS: [Attribute; 15] = [
    text("prefix", "Name Prefix", 10).extra().forms(ADDRESS_FORMS),
    text("firstname", "First Name", 20).trimmed().required().most(255).grid("us").forms(ADDRESS_FORMS),
    text("middlename", "Middle Name/Initial", 30).trimmed().extra().forms(ADDRESS_FORMS),
    text("lastname", "Last Name", 40).trimmed().required().most(255).grid("us").forms(ADDRESS_FORMS),
    text("suffix", "Name Suffix", 50).extra().forms(ADDRESS_FORMS),
    text("company", "Company", 60).most(255).grid("us").forms(ADDRESS_FORMS),
    text("street", "Street Address", 70)
        .input("multiline")
        .kept(Kept::Lines)
        .required()
        .most(255)
        .grid("us")
        .forms(ADDRESS_FORMS),
    text("city", "City", 100).required().most(255).grid("us").forms(ADDRESS_FORMS),
    text("country_id", "Country", 80).input("select").required().grid("uvf").forms(ADDRESS_FORMS),
    text("region", "State/Province", 90).apart().grid("uvs").forms(ADDRESS_FORMS),
    text("region_id", "State/Province", 90).input("hidden").apart().forms(ADDRESS_FORMS),
    // Required unless the country has none.
    text("postcode", "Zip/Postal Code", 110).grid("uvfs").forms(ADDRESS_FORMS),
    text("telephone", "Phone Number", 120).required().most(255).grid("uvfs").forms(ADDRESS_FORMS),
    text("fax", "Fax", 130).most(255).grid("us").forms(ADDRESS_FORMS),
    text("vat_id", "VAT Number", 140).forms(ADDRESS_FORMS),
];

/// What a customer's gender may be, besides nothing.
pub(super) const GENDERS: [(&str, i64); 3] = [("Male", 1), ("Female", 2), ("Not Specified", 3)];

/// Lines of a street in forms.
pub(super) const LINES: u32 = 2;

/// Text that nobody has to give and every shop shows.
const fn text(code: &'static str, label: &'static str, order: u32) -> Attribute {
    Attribute {
        code,
        label,
        kept: Kept::Text,
        input: "text",
        filter: "",
        required: false,
        visible: true,
        system: true,
        order,
        most: None,
        rule: None,
        grid: [false; 4],
        forms: &[],
    }
}

/// One of what the shop has.
const fn choice(code: &'static str, label: &'static str, order: u32) -> Attribute {
    text(code, label, order).input("select").apart().required()
}

impl Attribute {
    const fn input(self, input: &'static str) -> Self {
        Self { input, ..self }
    }

    const fn filter(self, filter: &'static str) -> Self {
        Self { filter, ..self }
    }

    const fn trimmed(self) -> Self {
        self.filter("trim")
    }

    const fn kept(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    const fn apart(self) -> Self {
        self.kept(Kept::Apart)
    }

    const fn shown(self) -> Self {
        self.kept(Kept::Shown)
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn hidden(self) -> Self {
        Self { visible: false, ..self }
    }

    /// What a shop may do without, and does not show at first.
    const fn extra(self) -> Self {
        Self { system: false, ..self.hidden() }
    }

    const fn most(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    const fn rule(self, rule: &'static str) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// `u` is used, `v` visible, `f` filterable, `s` searchable.
    const fn grid(self, letters: &str) -> Self {
        let mut grid = [false; 4];
        let letters = letters.as_bytes();
        let mut n = 0;
        while n < letters.len() {
            match letters[n] {
                b'u' => grid[0] = true,
                b'v' => grid[1] = true,
                b'f' => grid[2] = true,
                _ => grid[3] = true,
            }
            n += 1;
        }
        Self { grid, ..self }
    }

    const fn forms(self, forms: &'static [&'static str]) -> Self {
        Self { forms, ..self }
    }

    /// # Errors
    /// 400 where a value is longer than it may be, or breaks the rule for it.
    fn judge(&self, value: &Value) -> Result<(), Error> {
        let lines = match value {
            Value::Array(lines) => lines.as_slice(),
            one => std::slice::from_ref(one),
        };
        let length = |line: &Value| line.as_str().map_or(0, |text| text.chars().count());
        if let Some(most) = self.most.filter(|most| lines.iter().any(|line| length(line) > *most)) {
            let text = format!("\"{}\" length must be equal or less than {most} characters.", self.label);
            return Err(Error::bad_request(text));
        }
        if self.rule == Some("date") && value.as_str().is_some_and(|text| !is_date(text)) {
            return Err(Error::bad_request(format!("\"{}\" is not a valid date.", self.label)));
        }
        let gender = || value.as_i64().is_none_or(|number| number == 0 || GENDERS.iter().any(|(_, known)| *known == number));
        if self.code == "gender" && !gender() {
            let text = format!("Attribute {} does not contain option with Id {value}", self.code);
            return Err(Error::bad_request(text));
        }
        Ok(())
    }
}

/// What is wrong with the values that were given.
pub(super) fn flaws(attributes: &[Attribute], given: &Document) -> Vec<Error> {
    let given = attributes.iter().filter_map(|attribute| Some((attribute, given.get(attribute.code)?)));
    given.filter_map(|(attribute, value)| attribute.judge(value).err()).collect()
}

/// `2000-01-31`, with or without a time behind it, or `1/31/2000`.
fn is_date(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    let split = |by: char| day.split(by).map(|part| part.parse::<u16>().ok()).collect::<Option<Vec<u16>>>();
    let parts = match (split('-').as_deref(), split('/').as_deref()) {
        (Some([year, month, day]), _) | (_, Some([month, day, year])) => Some((*year, *month, *day)),
        _ => None,
    };
    parts.is_some_and(|(year, month, day)| {
        let month = u8::try_from(month).ok().and_then(|month| time::Month::try_from(month).ok());
        let date = month.zip(u8::try_from(day).ok());
        date.is_some_and(|(month, day)| time::Date::from_calendar_date(year.into(), month, day).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::ports::CustomerField;
    use std::collections::HashSet;

    #[test]
    fn each_is_there_once_and_in_forms_if_it_can_be_filled_in() {
        for attributes in [&CUSTOMER[..], &ADDRESS] {
            let codes: HashSet<&str> = attributes.iter().map(|attribute| attribute.code).collect();
            assert_eq!(codes.len(), attributes.len());
            for attribute in attributes.iter().filter(|attribute| attribute.visible) {
                assert!(!attribute.forms.is_empty(), "{}", attribute.code);
            }
        }
    }

    #[test]
    fn whatever_customers_are_found_by_is_known() {
        for name in CustomerField::PROFILE {
            assert!(CUSTOMER.iter().any(|attribute| attribute.code == name), "{name}");
        }
    }

    #[test]
    fn values_keep_to_what_the_table_says() {
        let flaws = |attributes: &[Attribute], given: Value| {
            let found = flaws(attributes, given.as_object().unwrap());
            found.first().map(|error| error.message().to_owned())
        };
        let long = "x".repeat(256);
        let date = Some("\"Date of Birth\" is not a valid date.".to_owned());
        for (given, flaw) in [
            (serde_json::json!({"dob": "2000-02-29", "gender": 3, "taxvat": "x".repeat(255)}), None),
            (serde_json::json!({"dob": "2000-02-29 00:00:00", "gender": 0}), None),
            (serde_json::json!({"dob": "2/29/2000", "unknown": long}), None),
            (serde_json::json!({"dob": null}), None),
            (serde_json::json!({"dob": "2001-02-29"}), date.clone()),
            (serde_json::json!({"dob": "2000-01"}), date.clone()),
            (serde_json::json!({"dob": "soon"}), date),
            (serde_json::json!({"gender": 4}), Some("Attribute gender does not contain option with Id 4".to_owned())),
            (
                serde_json::json!({"taxvat": long}),
                Some("\"Tax/VAT Number\" length must be equal or less than 255 characters.".to_owned()),
            ),
        ] {
            assert_eq!(flaws(&CUSTOMER, given.clone()), flaw, "{given}");
        }
        let street = serde_json::json!({"street": ["x", long]});
        assert_eq!(
            flaws(&ADDRESS, street),
            Some("\"Street Address\" length must be equal or less than 255 characters.".to_owned())
        );
    }
}
