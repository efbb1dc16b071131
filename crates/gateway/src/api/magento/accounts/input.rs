//! What clients say of a customer: read, judged, and bounded before any of it is stored.

use super::{
    attributes::{self, ADDRESS, Attribute, CUSTOMER, Kept},
    countries,
};
use doorward_core::{
    mail::is_address,
    ports::{AddressDraft, Customer, Document, merge},
};
use doorward_wire::magento::{Error, Params};
use serde_json::{Value, json};

/// The most that is kept of a customer besides addresses, and of one address, in bytes of JSON.
const MAX_PROFILE: usize = 64 * 1024;
const MAX_ADDRESS: usize = 8 * 1024;
/// The most addresses of a customer.
const MAX_ADDRESSES: usize = 200;

/// Countries whose addresses need no postcode.
const NO_POSTCODE: [&str; 5] = ["HK", "IE", "MO", "PA", "GB"];

/// What was said.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) email: Option<String>,
    pub(super) group: Option<i64>,
    pub(super) website: Option<i64>,
    pub(super) store: Option<i64>,
    /// What changes of the profile.
    pub(super) profile: Document,
    pub(super) addresses: Option<Vec<AddressDraft>>,
}

impl Given {
    /// Reads a customer of the interface. What it does not know is not looked at.
    ///
    /// # Errors
    /// 400 where a value is of another type, or an address lacks something.
    pub(super) fn read(customer: &Params) -> Result<Self, Error> {
        let mut profile = Document::new();
        for attribute in &CUSTOMER {
            let name = attribute.code;
            let value = match attribute.kept {
                // What must be there stays as it is, so that whoever empties it is told.
                Kept::Text => customer.optional_text(name)?.map(|text| match text.is_empty() && !attribute.required {
                    true => Value::Null,
                    false => text.into(),
                }),
                Kept::Number => customer.optional_int(name)?.map(Value::from),
                Kept::Address => {
                    let text = customer.optional_text(name)?;
                    text.map(|text| text.trim().parse::<u64>().map_or(Value::Null, Value::from))
                }
                Kept::Lines | Kept::Apart | Kept::Shown => None,
            };
            if let Some(value) = value {
                profile.insert(name.to_owned(), value);
            }
        }
        if let Some(extensions) = extension_attributes(customer)? {
            profile.insert("extension_attributes".to_owned(), extensions);
        }
        if let Some(attributes) = custom_attributes(customer)? {
            profile.insert("custom_attributes".to_owned(), attributes);
        }
        let addresses = match customer.optional_objects("addresses") {
            Some(list) => Some(addresses(&list)?),
            None => None,
        };
        Ok(Self {
            email: customer.optional_text("email")?.map(|email| email.trim().to_owned()).filter(|email| !email.is_empty()),
            group: customer.optional_int("groupId")?,
            website: customer.optional_int("websiteId")?,
            store: customer.optional_int("storeId")?,
            profile,
            addresses,
        })
    }

    /// # Errors
    /// 400 where the customer would have no name or e-mail address, or more would be kept than is.
    pub(super) fn judge(&self, before: Option<&Customer>) -> Result<(), Error> {
        let mut after = before.map(|customer| customer.profile.clone()).unwrap_or_default();
        merge(&mut after, self.profile.clone());
        let mut errors = Vec::new();
        for Attribute { code, label, .. } in required() {
            // Somebody without a name may change everything else.
            let asked = before.is_none() || self.profile.contains_key(*code);
            if asked && is_blank(after.get(*code)) {
                errors.push(Error::bad_request(format!("\"{label}\" is a required value.")));
            }
        }
        for (label, name) in [("First Name", "firstname"), ("Middle Name", "middlename"), ("Last Name", "lastname")] {
            if !self.profile.get(name).and_then(Value::as_str).is_none_or(is_name) {
                errors.push(Error::bad_request(format!("{label} is not valid!")));
            }
        }
        if errors.is_empty() {
            errors = attributes::flaws(&CUSTOMER, &self.profile);
        }
        if self.email.as_deref().is_some_and(|email| !is_address(email)) {
            errors.push(Error::bad_request("\"Email\" is not a valid email address."));
        }
        if let Some(error) = Error::aggregate(errors) {
            return Err(error);
        }
        if Value::Object(after).to_string().len() > MAX_PROFILE {
            return Err(Error::bad_request("The customer's data is too large."));
        }
        Ok(())
    }

    /// What is wrong, in the words of the validation service.
    pub(super) fn flaws(&self) -> Vec<String> {
        let missing = required().filter(|attribute| is_blank(self.profile.get(attribute.code)));
        let mut flaws: Vec<String> = missing
            .map(|Attribute { label, .. }| format!("The \"{label}\" attribute value is empty. Set the attribute and try again."))
            .collect();
        let wrong = attributes::flaws(&CUSTOMER, &self.profile);
        flaws.extend(wrong.iter().map(|error| error.message().to_owned()));
        match &self.email {
            None => flaws.push("The \"Email\" attribute value is empty. Set the attribute and try again.".to_owned()),
            Some(email) if !is_address(email) => flaws.push("\"Email\" is not a valid email address.".to_owned()),
            Some(_) => {}
        }
        flaws
    }
}

/// What a customer must have that somebody has to say; the e-mail address is judged by itself.
fn required() -> impl Iterator<Item = &'static Attribute> {
    CUSTOMER.iter().filter(|attribute| attribute.required && attribute.kept == Kept::Text)
}

fn is_blank(value: Option<&Value>) -> bool {
    value.and_then(Value::as_str).is_none_or(|text| text.trim().is_empty())
}

/// Letters, marks, digits, spaces and a few signs, as names have them; an empty one is judged elsewhere.
fn is_name(text: &str) -> bool {
    let may = |c: char| c.is_alphanumeric() || (!c.is_ascii() && !c.is_control()) || " ,-_.'`&".contains(c);
    text.chars().count() <= 255 && text.chars().all(may)
}

fn extension_attributes(of: &Params) -> Result<Option<Value>, Error> {
    let Some(extensions) = of.optional_object("extensionAttributes") else { return Ok(None) };
    let mut values = extensions.values().clone();
    if let Some(subscribed) = extensions.optional_truth("isSubscribed")? {
        values.retain(|name, _| name != "isSubscribed");
        values.insert("is_subscribed".to_owned(), subscribed.into());
    }
    Ok(Some(Value::Object(values)))
}

fn custom_attributes(of: &Params) -> Result<Option<Value>, Error> {
    let Some(list) = of.optional_objects("customAttributes") else { return Ok(None) };
    let read = |attribute: &Params| {
        let code = attribute.text("attributeCode")?;
        Ok(json!({"attribute_code": code, "value": attribute.get("value").cloned().unwrap_or_default()}))
    };
    list.iter().map(read).collect::<Result<Value, Error>>().map(Some)
}

fn addresses(list: &[Params]) -> Result<Vec<AddressDraft>, Error> {
    if list.len() > MAX_ADDRESSES {
        return Err(Error::bad_request("The customer has too many addresses."));
    }
    list.iter().map(address).collect()
}

fn address(given: &Params) -> Result<AddressDraft, Error> {
    let mut document = Document::new();
    for Attribute { code, .. } in ADDRESS.iter().filter(|attribute| attribute.kept == Kept::Text) {
        if let Some(text) = given.optional_text(code)?.filter(|text| !text.is_empty()) {
            document.insert((*code).to_owned(), text.into());
        }
    }
    if let Some(street) = given.optional_list("street") {
        let lines: Vec<Value> = street.into_iter().filter(|line| line.as_str().is_none_or(|line| !line.is_empty())).collect();
        if lines.iter().any(|line| !line.is_string() && !line.is_number()) {
            return Err(Error::wrong_type(&["addresses".to_owned(), "street".to_owned()], "array", "string"));
        }
        document.insert("street".to_owned(), lines.into());
    }
    region(given, &mut document)?;
    if let Some(extensions) = extension_attributes(given)? {
        document.insert("extension_attributes".to_owned(), extensions);
    }
    if let Some(attributes) = custom_attributes(given)? {
        document.insert("custom_attributes".to_owned(), attributes);
    }
    complete(&document)?;
    if Value::Object(document.clone()).to_string().len() > MAX_ADDRESS {
        return Err(Error::bad_request("The address is too large."));
    }
    let id = given.optional_int("id")?.filter(|id| *id != 0);
    let id = id.map(|id| u64::try_from(id).map_err(|_| Error::no_such_entity("addressId", id))).transpose()?;
    let flag = |name| given.optional_truth(name);
    Ok(AddressDraft { id, document, billing: flag("defaultBilling")?, shipping: flag("defaultShipping")? })
}

/// A region is an object of code, name and number; the number also stands beside it.
fn region(given: &Params, document: &mut Document) -> Result<(), Error> {
    let number = given.optional_int("regionId")?;
    let inner = match given.get("region") {
        Some(Value::String(name)) => Some((Value::Null, (**name).into(), None)),
        Some(_) => match given.optional_object("region") {
            Some(region) => {
                let text = |name| Ok::<_, Error>(region.optional_text(name)?.map_or(Value::Null, Value::from));
                Some((text("regionCode")?, text("region")?, region.optional_int("regionId")?))
            }
            None => None,
        },
        None => None,
    };
    let (code, name, own) = inner.unwrap_or_default();
    let id = number.or(own).unwrap_or_default();
    document.insert("region".to_owned(), json!({"region_code": code, "region": name, "region_id": id}));
    document.insert("region_id".to_owned(), id.into());
    Ok(())
}

/// All that an address lacks, together; then what is wrong with it.
fn complete(document: &Document) -> Result<(), Error> {
    let has = |name: &str| match document.get(name) {
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(lines)) => !lines.is_empty(),
        _ => false,
    };
    let country = document.get("country_id").and_then(Value::as_str).unwrap_or_default();
    // A country without postcodes is one that is known.
    let must = |attribute: &Attribute| attribute.required || (attribute.code == "postcode" && !NO_POSTCODE.contains(&country));
    let mut lacking: Vec<_> = ADDRESS.iter().filter(|attribute| must(attribute) && !has(attribute.code)).collect();
    // The country is asked for at last, and before it what it may do without.
    lacking.sort_by_key(|attribute| match attribute.code {
        "country_id" => 2,
        "postcode" => 1,
        _ => 0,
    });
    let mut errors: Vec<Error> = lacking.into_iter().map(|attribute| Error::required(shown(attribute.code))).collect();
    if has("country_id") && !countries::is_known(country) {
        let text = "Invalid value of \"%value\" provided for the %fieldName field.";
        let value: String = country.chars().take(64).collect();
        errors.push(Error::bad_request(text).with("fieldName", "countryId").with("value", value));
    }
    errors.extend(attributes::flaws(&ADDRESS, document));
    Error::aggregate(errors).map_or(Ok(()), Err)
}

/// The name of a field in errors.
fn shown(code: &'static str) -> &'static str {
    if code == "country_id" { "countryId" } else { code }
}
