//! Errors (magento-webapi 5.1, 5.2): a template that is not filled in, and the values that clients put into it.

use super::{Values, render, report_id};
use crate::{Document, Format, negotiate::NotAcceptable};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::borrow::Cow;

const REQUIRED: &str = "\"%fieldName\" is required. Enter and try again.";
const SEVERAL: &str = "One or more input exceptions have occurred.";

/// An error with its status. It is written as `message`, `errors`, `code` and `parameters`, in this order, of which
/// those that are empty are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Parts>);

/// Boxed, since results are handed on far more often than errors are made.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    status: StatusCode,
    message: Cow<'static, str>,
    errors: Vec<Error>,
    code: i64,
    parameters: Value,
}

impl Error {
    /// An error without parameters. The message must hold nothing that the caller may not read.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts { status, message: message.into(), errors: Vec::new(), code: 0, parameters: Value::Null }))
    }

    /// Any exception that is not about absence or authorization: 400.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The answer to guests and to identities that lack a resource alike, 401 (magento-webapi 5.1); `resources` are all
    /// those of the route.
    pub fn unauthorized<'r>(resources: impl IntoIterator<Item = &'r str>) -> Self {
        let resources: Vec<&str> = resources.into_iter().collect();
        Self::new(StatusCode::UNAUTHORIZED, "The consumer isn't authorized to access %resources.")
            .with("resources", resources.join(", "))
    }

    /// The one answer to a sign-in that failed, whatever the cause: 401 (magento-webapi 6.2).
    pub fn sign_in() -> Self {
        let text = "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.";
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    /// A parameter has no value: 400 (magento-webapi 3.4). `field` is its name in camelCase.
    pub fn required(field: &str) -> Self {
        Self::bad_request(REQUIRED).with("fieldName", field)
    }

    /// A value of the wrong type: 400. `within` are the objects around it, outermost first. This text is filled in, for
    /// it comes from the web API itself.
    pub fn wrong_type(within: &[String], value: &str, wanted: &str) -> Self {
        let mut text = String::new();
        for name in within {
            text.push_str(&format!("Error occurred during \"{name}\" processing. "));
        }
        text.push_str(&format!(
            "The \"{value}\" value's type is invalid. The \"{wanted}\" type was expected. Verify and try again."
        ));
        Self::bad_request(text)
    }

    /// What several input errors make together: one is itself, more are listed under one message (magento-webapi 5.2);
    /// none is no error.
    pub fn aggregate(mut errors: Vec<Error>) -> Option<Self> {
        match errors.len() {
            0 => None,
            1 => errors.pop(),
            _ => {
                let mut all = Self::bad_request(SEVERAL);
                all.0.errors = errors;
                Some(all)
            }
        }
    }

    /// Nothing is named so: 404.
    pub fn no_such_entity(field: &str, value: impl Into<Value>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "No such entity with %fieldName = %fieldValue")
            .with("fieldName", field)
            .with("fieldValue", value)
    }

    /// Nothing is named by these two together: 404.
    pub fn no_such_entity_with(first: (&str, Value), second: (&str, Value)) -> Self {
        let text = "No such entity with %fieldName = %fieldValue, %field2Name = %field2Value";
        Self::new(StatusCode::NOT_FOUND, text)
            .with("fieldName", first.0)
            .with("fieldValue", first.1)
            .with("field2Name", second.0)
            .with("field2Value", second.1)
    }

    /// No route has this path and method: 404, also when only the method differs (magento-webapi 0.5).
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Request does not match any route.")
    }

    /// A method that the REST API has not: 405 (magento-webapi 0.3).
    pub fn method_not_supported(method: &Method) -> Self {
        let name: String = method.as_str().chars().take(32).collect();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("The {name} HTTP method is not supported."))
    }

    /// A path that no processor takes, as one with an unknown store code: 400 (magento-webapi 0.4).
    pub fn not_processed() -> Self {
        Self::bad_request("Specified request cannot be processed.")
    }

    /// No renderer fits the `Accept` header: 406 (magento-webapi 5.4).
    pub fn not_acceptable(offered: &NotAcceptable) -> Self {
        let text = format!(
            "Server cannot match any of the given Accept HTTP header media type(s) from the request: \"{}\" with media types \
             from the config of response renderer.",
            offered.0
        );
        Self::new(StatusCode::NOT_ACCEPTABLE, text)
    }

    /// What a server error looks like: 500 (magento-webapi 5.2). The report is made of the request's id.
    pub fn masked(request_id: &str) -> Self {
        let report = report_id(request_id);
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Internal Error. Details are available in Magento log file. Report ID: {report}"),
        )
    }

    /// With a named parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match &mut self.0.parameters {
            Value::Object(named) => drop(named.insert(name.to_owned(), value.into())),
            other => *other = json!({ name: value.into() }),
        }
        self
    }

    /// With parameters by their place: `%1`, `%2`.
    #[must_use]
    pub fn with_list(mut self, values: Vec<Value>) -> Self {
        self.0.parameters = if values.is_empty() { Value::Null } else { values.into() };
        self
    }

    /// With the code of the exception.
    #[must_use]
    pub fn with_code(mut self, code: i64) -> Self {
        self.0.code = code;
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its message, a template where it has parameters.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Writes it down.
    pub fn document(&self, format: Format) -> Document {
        render::document(&Value::Object(self.members()), format)
    }

    fn members(&self) -> Values {
        let mut members = Values::new();
        members.insert("message".to_owned(), (*self.0.message).into());
        if !self.0.errors.is_empty() {
            let errors: Vec<Value> = self.0.errors.iter().map(|error| Value::Object(error.members())).collect();
            members.insert("errors".to_owned(), errors.into());
        }
        if self.0.code != 0 {
            members.insert("code".to_owned(), self.0.code.into());
        }
        if !self.0.parameters.is_null() {
            members.insert("parameters".to_owned(), self.0.parameters.clone());
        }
        members
    }
}
