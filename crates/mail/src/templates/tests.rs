use super::*;

const URL: &str = "https://shop.example.com";

fn with(files: &[(&str, &str)]) -> Result<Templates, Vec<BadTemplate>> {
    Templates::with(files.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(*text))))
}

fn letter(about: &str) -> Letter {
    samples().into_iter().find(|letter| letter.about.name() == about).unwrap()
}

#[test]
fn the_built_in_mails_say_what_they_must() {
    with(&[]).unwrap();
    let templates = Templates::built_in();
    for letter in samples() {
        let written = templates.write(&letter, URL).unwrap();
        assert!(written.subject.len() > 10 && !written.subject.contains(['\n', '{']), "{written:?}");
        assert!(written.html.starts_with("<!DOCTYPE html>") && written.html.contains("</h1>"), "{}", written.html);
        for (part, link) in
            [(&written.text, "https://shop.example.com/"), (&written.html, "https:&#x2f;&#x2f;shop.example.com&#x2f;")]
        {
            let invites = matches!(letter.about, About::Confirm(_) | About::Reset(_));
            assert_eq!(part.contains("TOKEN") && part.contains(link) && part.contains("2 hours"), invites, "{part}");
            assert!(!part.contains("{{") && !part.contains("{%"), "{part}");
        }
    }
}

#[test]
fn what_somebody_chose_is_text_in_html_and_one_line_everywhere() {
    let templates = with(&[
        ("welcome.txt", "Subject: Hello {{ login }}\n\nHello {{ login }}\n"),
        ("welcome.html", "<p title=\"{{ login }}\">{{ login }}</p>"),
    ])
    .unwrap();
    let login: Arc<str> = "a\r\nBcc: all@example.com\n\n<script>\"'&".into();
    let written = templates.write(&Letter { login, ..letter("welcome") }, URL).unwrap();
    assert_eq!(written.subject, "Hello a  Bcc: all@example.com  <script>\"'&");
    assert_eq!(written.text.trim_end(), "Hello a  Bcc: all@example.com  <script>\"'&");
    assert!(!written.html.contains("<script>") && !written.html.contains("\"'"), "{}", written.html);
}

#[test]
fn a_file_replaces_one_part_and_may_include_others() {
    let templates = with(&[
        ("reset.txt", "Subject: Neues Passwort\r\n\r\n{% include \"_foot.txt\" %} {{ token }}"),
        ("_foot.txt", "Grüße von {{ host }}"),
    ])
    .unwrap();
    let written = templates.write(&letter("reset"), URL).unwrap();
    assert_eq!((&*written.subject, &*written.text), ("Neues Passwort", "Grüße von shop.example.com TOKEN"));
    assert!(written.html.contains("Set a new password"), "the other part is still built in");
    assert_ne!(templates, Templates::built_in());
}

#[test]
fn a_bad_template_is_named_with_file_and_line() {
    for (file, text, line, message) in [
        ("reset.txt", "Subject: x\n\na\n{{ link", 4, "syntax error"),
        ("reset.txt", "Subject: x\n\n{{ lnik }}", 3, "does not have"),
        (
            "reset.txt",
            "Subject: x\n\na\n{% if false %}{{ secret }}{% endif %}",
            4,
            "it uses `secret`, which this mail does not have",
        ),
        ("welcome.html", "\n{{ link }}", 2, "does not have"),
        ("reset.txt", "Dear {{ login }}", 1, "the first line must be `Subject: ...`"),
        ("reset.txt", "Subject:  \n\nx", 1, "the subject is empty"),
        ("reset.txt", "Subject: x\nx", 1, "an empty line must follow"),
        ("reset.html", "{% include \"_missing.html\" %}", 1, "_missing.html"),
        ("reset.html", "a\n{% extends \"/etc/passwd\" %}", 2, "/etc/passwd"),
        ("reset.html", "\n{{ link|shout }}", 2, "shout"),
        (
            "reset.html",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            1,
            "does not come to an end",
        ),
    ] {
        let bad = with(&[(file, text)]).unwrap_err();
        assert_eq!(bad.len(), 1, "{text}: {bad:?}");
        assert_eq!((&*bad[0].file, bad[0].line), (file, line), "{text}: {bad:?}");
        assert!(bad[0].message.contains(message), "{text}: {bad:?}");
    }
    let inner = with(&[("reset.html", "{% include \"_x.html\" %}"), ("_x.html", "a\nb\n{{ nothing }}")]).unwrap_err();
    assert_eq!((&*inner[0].file, inner[0].line), ("_x.html", 3), "{inner:?}");
}

#[test]
fn spans_are_said_in_the_largest_exact_unit() {
    for (seconds, words) in
        [(7200, "2 hours"), (86_400, "1 day"), (604_800, "7 days"), (5400, "90 minutes"), (61, "61 seconds"), (1, "1 second")]
    {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
}
