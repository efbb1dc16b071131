//! What the demo says: where it is and what to try, to be pasted as it stands.

/// The public URL first, then commands that work in any shell with `curl` and `sed`.
pub(super) fn greeting(public: &str, ready: &str, admin_cookie: &str, customer_cookie: &str) -> String {
    TEXT.replace("{url}", public)
        .replace("{ready}", ready)
        .replace("{admin_cookie}", admin_cookie)
        .replace("{customer_cookie}", customer_cookie)
}

const TEXT: &str = r#"{url}

The sample API stands behind this door. Accounts: admins/admin with the password "publish",
customers/jane@example.com with the password "jane-demo". Paste these lines into another terminal:

# A guest is refused, and learns no more than that:
curl -i {url}/orders

# Sign in; the cookie and the CSRF token are kept in variables:
SESSION=$(curl -s {url}/api/ibexa/v2/user/sessions -H 'Accept: application/vnd.ibexa.api.Session+json' -H 'Content-Type: application/vnd.ibexa.api.SessionInput+json' -d '{"SessionInput":{"login":"admin","password":"publish"}}')
COOKIE="{admin_cookie}=$(printf '%s' "$SESSION" | sed -n 's/.*"identifier": *"\([^"]*\)".*/\1/p')"
TOKEN=$(printf '%s' "$SESSION" | sed -n 's/.*"csrfToken": *"\([^"]*\)".*/\1/p')

# Now the API answers and says who called:
curl -i {url}/content/locations/1/5 -b "$COOKIE"
curl -i {url}/orders -b "$COOKIE"

# What changes something needs the token; the first of these is refused:
curl -i -X POST {url}/orders -b "$COOKIE"
curl -i -X POST {url}/orders -b "$COOKIE" -H "X-CSRF-Token: $TOKEN"

# The shop's routes honour a session on AJAX calls only:
curl -i {url}/rest/V1/products/24-MB01
curl -i {url}/rest/V1/orders -b "$COOKIE"
curl -i {url}/rest/V1/orders -b "$COOKIE" -H 'X-Requested-With: XMLHttpRequest'

# A customer gets a token, and sees the own account by it; the last of these is a mail with a link, which the log shows:
curl -i {url}/rest/V1/customers/me
CUSTOMER=$(curl -s {url}/rest/V1/integration/customer/token -H 'Content-Type: application/json' -d '{"username":"jane@example.com","password":"jane-demo"}' | tr -d '"')
curl -i {url}/rest/V1/customers/me -H "Authorization: Bearer $CUSTOMER"
curl -i -X PUT {url}/rest/V1/customers/password -H 'Content-Type: application/json' -d '{"email":"jane@example.com","template":"email_reset"}'

# Sign out:
curl -i -X DELETE {url}/api/ibexa/v2/user/sessions/"${COOKIE#*=}" -b "$COOKIE" -H "X-CSRF-Token: $TOKEN"

In a browser: {url}/login/customers. Ctrl-C ends the demo and removes all of it.
{ready}
"#;
