use serde_json::Value;

use super::*;
use crate::config::{Code, Place};

fn complaint(code: Code) -> Complaint {
    Complaint {
        code,
        severity: code.severity(),
        place: Some(Place {
            file: "a b.conf".to_owned(),
            line: 3,
            column: 5,
            start: 4,
            end: 12,
            source: "    intérva 1".to_owned(),
        }),
        also: None,
        message: "unknown keyword 'intérva'".to_owned(),
        expected: None,
        help: Some("did you mean 'interval'?".to_owned()),
    }
}

fn report(codes: &[Code]) -> Report {
    Report {
        notes: Vec::new(),
        files: vec![FileReport {
            file: "a b.conf".to_owned(),
            complaints: codes.iter().copied().map(complaint).collect(),
        }],
    }
}

#[test]
fn the_exit_status_is_that_of_the_worst_complaint_and_notes_do_not_count() {
    assert_eq!(report(&[]).exit_status(), 0);
    assert_eq!(report(&[Code::Deprecated]).exit_status(), 0);
    let warned = report(&[Code::Deprecated, Code::UnknownKeyword]);
    assert_eq!(warned.exit_status(), 1);
    let mut several = report(&[Code::MissingKeyword]);
    several.files.extend(report(&[]).files);
    assert_eq!(several.exit_status(), 2);
}

#[test]
fn people_get_the_line_drawn_and_a_count_for_each_file() {
    let text =
        report(&[Code::UnknownKeyword, Code::Deprecated]).render(Format::Human(Drawing::Plain));
    assert!(text.contains("warning[unknown-keyword]"), "{text}");
    assert!(text.ends_with("a b.conf: 1 warning, 1 note\n"), "{text}");
    let clean = report(&[]).render(Format::Human(Drawing::Plain));
    assert_eq!(clean, "a b.conf: clean\n");
}

#[test]
fn json_has_code_severity_and_a_place_in_characters() {
    let text = report(&[Code::UnknownKeyword]).render(Format::Json);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let file = &value["files"][0];
    assert_eq!(file["warnings"], 1);
    let complaint = &file["complaints"][0];
    assert_eq!(complaint["code"], "unknown-keyword");
    assert_eq!(complaint["severity"], "warning");
    assert_eq!(complaint["place"]["column"], 5);
    assert_eq!(complaint["place"]["end_column"], 12, "é is one character");
}

/// The names of an object.
fn names(value: &Value) -> Vec<&str> {
    let fields = value.as_object().expect("an object");
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_complaint_and_note_has_all_fields_of_the_manual_whatever_they_hold() {
    let guide = include_str!("../../../docs/guide/checking-a-configuration.md");
    let mut report = report(&[Code::Repeated, Code::NoConfiguration]);
    let [repeated, missing] = report.files[0].complaints.as_mut_slice() else {
        panic!("two");
    };
    repeated.expected = Some("it once".to_owned());
    repeated.also = repeated
        .place
        .clone()
        .map(|place| Place { line: 2, ..place });
    missing.place = None;
    report.notes.push(Complaint {
        place: None,
        ..complaint(Code::Offline)
    });
    let text = report.render(Format::Json);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let file = &value["files"][0];
    assert_eq!(names(&value), ["files", "notes", "version"]);
    assert_eq!(
        names(file),
        ["complaints", "errors", "file", "notes", "warnings"]
    );
    let fields = [
        "also", "code", "expected", "help", "message", "place", "severity",
    ];
    for complaint in [
        &file["complaints"][0],
        &file["complaints"][1],
        &value["notes"][0],
    ] {
        assert_eq!(names(complaint), fields);
        assert_eq!(complaint["help"], "did you mean 'interval'?");
    }
    let [repeated, missing] = [&file["complaints"][0], &file["complaints"][1]];
    assert_eq!(repeated["expected"], "it once");
    assert_eq!(
        (&repeated["also"]["line"], &repeated["place"]["line"]),
        (&2.into(), &3.into())
    );
    let place = ["column", "end_column", "file", "line", "source"];
    assert_eq!(names(&repeated["also"]), place);
    assert_eq!(names(&repeated["place"]), place);
    assert_eq!(missing["place"], Value::Null);
    assert_eq!(missing["also"], Value::Null);
    for name in fields.into_iter().chain(place) {
        assert!(
            guide.contains(&format!("`{name}`")),
            "{name} is in the manual"
        );
    }
}

#[test]
fn sarif_names_a_rule_for_each_code_and_points_at_the_words() {
    let text = report(&[Code::UnknownKeyword]).render(Format::Sarif);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let run = &value["runs"][0];
    let result = &run["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
    assert_eq!(
        run["tool"]["driver"]["rules"][index]["id"],
        "unknown-keyword"
    );
    assert_eq!(result["level"], "warning");
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "a%20b.conf");
    assert_eq!(location["region"]["startLine"], 3);
    assert_eq!(location["region"]["startColumn"], 5);
    assert_eq!(location["region"]["endColumn"], 12);
}

#[test]
fn every_code_has_a_name_of_its_own_and_a_description() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(code.description().ends_with('.'), "{code:?}");
    }
}
