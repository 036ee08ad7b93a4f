//! What statuses and bodies mean, case by case.

use std::collections::BTreeMap;

use super::*;

fn raw(status: u16, content_type: &str, body: &str) -> RawAnswer {
    RawAnswer {
        status,
        content_type: content_type.into(),
        request_id: None,
        retry_after: None,
        location: None,
        body: body.as_bytes().to_vec(),
    }
}

fn error(status: u16, body: &str) -> ApiError {
    let call = Call {
        method: "GET",
        path: "/x",
        host: "https://h".into(),
    };
    check_status(&call, raw(status, "application/json", body), &[]).unwrap_err()
}

/// Names the variant, with `definite` where it closes an intent.
fn meaning(status: u16, body: &str) -> String {
    let error = error(status, body);
    let name = format!("{error:?}");
    let name = name.split_whitespace().next().unwrap_or("");
    format!(
        "{name}{}",
        if error.is_definite() { " definite" } else { "" }
    )
}

#[test]
fn statuses_and_codes_mean_what_the_vendor_documents() {
    let code = |code: &str| format!(r#"{{"error_code": "{code}", "message": "m"}}"#);
    for (status, body, expected) in [
        (400, code("INVALID_PARAMETER_VALUE"), "Invalid definite"),
        (400, code("COULD_NOT_ACQUIRE_LOCK"), "Transient"),
        (400, code("REQUEST_LIMIT_EXCEEDED"), "RateLimited"),
        (401, code("UNAUTHENTICATED"), "Auth"),
        (403, code("PERMISSION_DENIED"), "Forbidden definite"),
        (404, code("RESOURCE_DOES_NOT_EXIST"), "NotFound definite"),
        (404, code("ENDPOINT_NOT_FOUND"), "Invalid definite"),
        (404, "<html><title>Not here</title>".into(), "Transient"),
        (404, String::new(), "Transient"),
        (408, String::new(), "Transient"),
        (409, code("RESOURCE_CONFLICT"), "Transient"),
        (422, String::new(), "Invalid definite"),
        (429, String::new(), "RateLimited"),
        (500, code("INTERNAL_ERROR"), "Transient"),
        (501, code("NOT_IMPLEMENTED"), "Transient"),
        (502, "<html><pre>bad gateway</pre>".into(), "Transient"),
        (503, code("TEMPORARILY_UNAVAILABLE"), "Transient"),
    ] {
        assert_eq!(meaning(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn what_does_not_exist_may_be_a_400() {
    for message in [
        "Job 12 does not exist.",
        "Run 7 does not exist.",
        "Run: 7 in job: 12 doesn't exist",
    ] {
        let body =
            format!(r#"{{"error_code": "INVALID_PARAMETER_VALUE", "message": "{message}"}}"#);
        assert_eq!(meaning(400, &body), "NotFound definite", "{message}");
    }
    let other =
        r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "The cluster does not exist"}"#;
    assert_eq!(meaning(400, other), "Invalid definite");
}

#[test]
fn an_expired_token_may_be_a_403_with_a_number_for_a_code() {
    let body = r#"{"error_code": 403, "message": "Invalid access token. [ReqId: 1]"}"#;
    let error = error(403, body);
    assert!(matches!(error, ApiError::Auth { .. }), "{error:?}");
    assert_eq!(error.answer().unwrap().error_code.as_deref(), Some("403"));
}

#[test]
fn messages_are_found_in_every_form_that_occurs() {
    for (body, code, message) in [
        (r#"{"error_code": "A_B", "message": "why"}"#, "A_B", "why"),
        (r#"{"error": "why"}"#, "", "why"),
        (
            r#"{"error": "invalid_client", "error_description": "why"}"#,
            "invalid_client",
            "why",
        ),
        (r#"{"errorCode": "E1", "errorSummary": "why"}"#, "E1", "why"),
        (
            r#"{"detail": "why", "status": "400", "scimType": "invalidValue"}"#,
            "invalidValue",
            "why",
        ),
        ("BAD_REQUEST: why", "BAD_REQUEST", "why"),
        (
            "<html><head><title>t</title></head><pre> why </pre>",
            "",
            "an HTML page: why",
        ),
        (
            "<html><head><title>why</title></head>",
            "",
            "an HTML page: why",
        ),
        ("why\u{1}\n  so", "", "why so"),
        ("", "", ""),
        ("[1]", "", "[1]"),
    ] {
        let error = error(400, body);
        let answer = error.answer().unwrap();
        assert_eq!(answer.error_code.as_deref().unwrap_or(""), code, "{body}");
        assert_eq!(answer.message, message, "{body}");
    }
}

#[test]
fn details_give_the_request_id_and_the_delay() {
    let error = error(
        429,
        r#"{"error_code": "RESOURCE_EXHAUSTED", "message": "later",
            "details": [{"@type": "RequestInfo", "request_id": "0b1e"}, {"retry_delay": "2.5s"}, 7]}"#,
    );
    assert_eq!(error.retry_after(), Some(Duration::from_millis(2500)));
    assert_eq!(
        error.to_string(),
        "GET https://h/x: 429 RESOURCE_EXHAUSTED: later (request 0b1e)"
    );
}

#[test]
fn long_messages_are_cut_between_characters() {
    let error = error(400, &"ü".repeat(600));
    assert_eq!(
        error.answer().unwrap().message.chars().count(),
        MESSAGE_LIMIT + 1
    );
}

#[test]
fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
    let at = |text| parse_http_date(text).unwrap();
    let (server, local) = (
        at("Fri, 20 Nov 2026 06:00:00 GMT"),
        at("Fri, 20 Nov 2026 09:00:00 GMT"),
    );
    let parse = |value| parse_retry_after(value, Some(server), local).map(|wait| wait.as_secs());
    assert_eq!(parse(" 7 "), Some(7));
    assert_eq!(parse("Fri, 20 Nov 2026 06:00:30 GMT"), Some(30));
    assert_eq!(parse("Fri, 20 Nov 2026 05:00:00 GMT"), Some(0));
    assert_eq!(parse("soon"), None);
    assert_eq!(parse("-1"), None);
    let without_date = parse_retry_after("Fri, 20 Nov 2026 09:00:05 GMT", None, local);
    assert_eq!(without_date, Some(Duration::from_secs(5)));
}

#[test]
fn html_on_a_good_status_is_no_answer() {
    let call = error(500, "").call().clone();
    for answer in [
        raw(200, "text/html; charset=utf-8", "{}"),
        raw(200, "application/json", " <!doctype html>"),
    ] {
        let error = check_status(&call, answer, &[]).unwrap_err();
        assert!(matches!(error, ApiError::Transient { .. }), "{error:?}");
    }
}

#[test]
fn a_refusal_whose_text_was_lost_settles_nothing() {
    let whole = r#"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "later"}"#;
    assert_eq!(meaning(400, whole), "RateLimited");
    for status in [400, 403, 404, 422] {
        for cut in 1..whole.len() {
            assert_eq!(
                meaning(status, &whole[..cut]),
                "Transient",
                "{status}, {cut}"
            );
        }
    }
    // Credentials that are not accepted, and patience that is asked for, are told by the status.
    assert_eq!(meaning(401, "{"), "Auth");
    assert_eq!(meaning(429, "{"), "RateLimited");
}

#[test]
fn only_an_object_is_an_answer() {
    let call = error(500, "").call().clone();
    for body in ["[]", "[[]]", "[7]", "null", "7", "", "  "] {
        let answer = raw(200, "application/json", body);
        let read = read_json::<crate::databricks::jobs::RunPage>(&call, &answer);
        assert!(read.is_err_and(|error| !error.is_definite()), "{body}");
    }
    let answer = raw(200, "application/json", "{}");
    let page = read_json::<crate::databricks::jobs::RunPage>(&call, &answer).unwrap();
    assert!(page.runs.is_empty() && page.next_page_token.is_none());
}

#[test]
fn what_a_refusal_says_is_shown_on_one_line_and_without_the_secret() {
    let secret = Secret::new("pat-canary-0123456789");
    let body = r#"{"error_code": "A\u001b[2J", "message": "no pat-canary-\u00000123456789\r\nat all",
        "details": [{"request_id": "r1\n\u001b[31m pat-canary-0123456789"}]}"#;
    let call = error(500, "").call().clone();
    let refused = check_status(&call, raw(403, "application/json", body), &[&secret]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "GET https://h/x: not allowed: 403 A[2J: no *** at all (request r1 [31m ***)"
    );
    let body = format!(
        r#"{{"details": [{{"request_id": "{}"}}]}}"#,
        "r".repeat(10_000)
    );
    let refused = error(403, &body);
    let request_id = refused.answer().unwrap().request_id.as_ref().unwrap();
    assert_eq!(request_id.chars().count(), MESSAGE_LIMIT + 1);
}

proptest::proptest! {
    #[test]
    fn no_body_breaks_us_or_becomes_a_success(status in 100_u16..600, body: Vec<u8>, html: bool) {
        let call = error(500, "").call().clone();
        let content_type = if html { "text/html" } else { "application/json" };
        let answer = RawAnswer { body, ..raw(status, content_type, "") };
        let checked = check_status(&call, answer, &[]);
        proptest::prop_assert!(checked.is_err() || (200..300).contains(&status));
        if let Ok(answer) = checked {
            drop(read_json::<BTreeMap<String, i64>>(&call, &answer));
        }
    }
}
