//! What an object store says when it does not do what it is asked for, in words that tell what to do.
//!
//! It is told from the text alone: on its way through the engine and the table format the error loses its type. Of what the store
//! answers only its code and its message are shown; the rest may repeat the signed request.

use std::error::Error as _;
use std::fmt::Display;

use hw_base::Error;

/// What every failed request to a store begins with.
const REQUEST: &str = "Error performing ";
/// The address at which a machine of a cloud asks for its credentials.
const METADATA: &str = "169.254.169.254";
/// Codes of answers that are about who asks.
const CREDENTIALS: [&str; 10] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "AuthFailure",
    "AuthenticationFailed",
    "RequestTimeTooSkewed",
    "401 Unauthorized",
];
/// Codes of answers that are about what they may do.
const PERMISSION: [&str; 4] = ["AccessDenied", "AllAccessDisabled", "AuthorizationPermissionMismatch", "403 Forbidden"];
/// Codes of answers that are about the bucket.
const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"];
/// Codes of answers that are about where the bucket lies.
const REGION: [&str; 4] = ["PermanentRedirect", "AuthorizationHeaderMalformed", "redirect without LOCATION", "IllegalLocationConstraint"];

/// Explains a request that failed, about something in `folder`.
pub(crate) fn refused_in(folder: &dyn Display, error: &object_store::Error) -> Error {
    let text = whole(error);
    let explained = refused(&text).unwrap_or_else(|| Error::outside(text).code("HW506").help("look at the settings of the warehouse"));
    explained.within(format_args!("`{folder}`"))
}

/// Explains the text of an error, should it be one of an object store.
pub(crate) fn refused(text: &str) -> Option<Error> {
    let at = text.find(REQUEST)?;
    let request = &text[at + REQUEST.len()..];
    let has = |codes: &[&str]| codes.iter().any(|code| request.contains(code));
    let explained = if request.contains(METADATA) {
        Error::outside("no credentials for the object store were found").help(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, where there is one), or name them in headworks.yaml: \
             `warehouse: { s3: { url: …, access_key_id: \"${env:…}\", secret_access_key: \"${env:…}\" } }`",
        )
    } else if has(&NO_BUCKET) {
        Error::outside("the bucket does not exist").help("make the bucket, or correct the name and the endpoint of the warehouse")
    } else if has(&CREDENTIALS) {
        Error::outside("the object store refuses the credentials")
            .help("look at what the credentials resolve to, whether they have expired, and whether they are those of this endpoint")
    } else if has(&REGION) {
        Error::outside("the bucket lies in another region")
            .help("set AWS_REGION to the region of the bucket, or `region:` in headworks.yaml")
    } else if has(&PERMISSION) {
        Error::outside("the object store denies access")
            .help("allow listing the bucket, and reading, writing and deleting its objects (s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject)")
    } else if is_unreached(request) {
        Error::passing("the object store cannot be reached")
            .help("look at the endpoint and the network, then run again: nothing became visible, and finished steps are not repeated")
    } else {
        Error::passing("the object store failed").help("run again; if it stays, ask those who run the store")
    };
    Some(explained.code("HW506").because(brief(request)))
}

/// Whether no answer came.
fn is_unreached(request: &str) -> bool {
    ["error sending request", "HTTP error", "timed out", "Connection refused", "dns error"].iter().any(|words| request.contains(words))
}

/// The request and its answer, in one line.
fn brief(request: &str) -> String {
    let mut words = request.split_whitespace();
    let method = words.next().unwrap_or_default();
    let url = words.next().unwrap_or_default();
    // What stands behind the question mark may hold a signature.
    let url = url.split('?').next().unwrap_or_default();
    let answer = match (between(request, "<Code>", "</Code>"), between(request, "<Message>", "</Message>")) {
        (Some(code), Some(message)) => format!("{code}, {message}"),
        (Some(code), None) => code.to_owned(),
        _ => request.split_once(" - ").map_or(request, |(_, answer)| answer).lines().next().unwrap_or_default().trim().to_owned(),
    };
    format!("{method} {url}: {answer}")
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
}

/// An error with all that lies beneath it, each part once.
fn whole(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, message: &str, cause: &str) {
        let text = format!(
            "Generic S3 error: Error performing PUT http://127.0.0.1:9000/lake/a?X-Amz-Signature=secret in 3ms, after 4 retries, max_retries: 4, retry_timeout: 30s  - {answer}"
        );
        let error = refused(&text).unwrap();
        assert_eq!((error.message(), error.known_code()), (message, Some("HW506")));
        assert_eq!(error.causes(), [format!("PUT http://127.0.0.1:9000/lake/a: {cause}")]);
        assert!(!error.to_string().contains("secret\n") && !error.to_string().contains("Signature="), "{error}");
    }

    #[test]
    fn answers_of_a_store_say_what_to_do() {
        let xml = |code: &str, message: &str| {
            format!(
                "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><StringToSign>AWS4</StringToSign></Error>"
            )
        };
        check(&xml("NoSuchBucket", "gone"), "the bucket does not exist", "NoSuchBucket, gone");
        check(&xml("SignatureDoesNotMatch", "no"), "the object store refuses the credentials", "SignatureDoesNotMatch, no");
        check(&xml("AccessDenied", "no"), "the object store denies access", "AccessDenied, no");
        let unreached = "HTTP error: error sending request: tcp connect error: Connection refused (os error 111)";
        check(unreached, "the object store cannot be reached", unreached);
        check(&xml("PermanentRedirect", "there"), "the bucket lies in another region", "PermanentRedirect, there");
        let slow = "Server returned non-2xx status code: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>";
        check(slow, "the object store failed", "SlowDown");
    }

    #[test]
    fn credentials_that_nobody_gave_are_not_looked_for_at_an_address_that_nobody_knows() {
        let text =
            "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 5s - HTTP error: error sending request";
        assert_eq!(refused(text).unwrap().message(), "no credentials for the object store were found");
        assert!(refused("No space left on device").is_none());
    }
}
