//! What forward-auth refuses although rules permit it: a verdict changes nothing in a request.

use crate::{
    Diagnostic, Place,
    load::{Draft, file_of},
    reader::Reader,
};

/// One warning, at the first of such routes: a shop has dozens of them.
pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    if draft.forward_auth.is_empty() {
        return;
    }
    let mut setting = draft.routes.magento.iter().filter(|rule| !rule.parameters.is_empty() && rule.own.is_none());
    let Some(first) = setting.next() else { return };
    let others = match setting.count() {
        0 => String::new(),
        1 => ", and one more route".to_owned(),
        more => format!(", and {more} more routes"),
    };
    let file = file_of(r, &first.source);
    let message = format!("forward-auth refuses this route{others}: it sets parameters in the request, which a verdict cannot");
    let hint = "let the proxy send what is under `magento_prefix` to Doorward, as `doorward init` prints it";
    r.out.push(Diagnostic::warning(&file, Place::Line(first.source.line), message).hint(hint));
}
