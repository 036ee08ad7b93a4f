//! Asset files and `headwater.yml`.

use std::sync::Arc;

use assets::declaration::{
    Context, DeclaredAsset, Project, mask_tokens, parse_asset_file, parse_project,
};
use assets::resolve::ResolveInput;
use assets::schedule::NO_CALENDARS;
use assets::{Diagnostic, Place};

use crate::project::assert_resolves;
use crate::text::{assert_bounded, assert_inside, codes};

/// What no message may show.
const SECRET: &str = "hunter2-canary";

/// The longest text that is also read in other spellings, in bytes.
const LONGEST_RESPELLED: usize = 64 * 1024;

/// The most that is told about one file: 200 problems, and that there are more.
const MOST: usize = 201;

fn variables(name: &str) -> Option<String> {
    match name {
        "SECRET" | "PASSWORD" => Some(SECRET.to_owned()),
        "KEY" => Some("from.variable".to_owned()),
        "NUMBER" => Some("2".to_owned()),
        _ => None,
    }
}

/// Reads bytes as an asset file, also with other line ends, and makes a project of it.
pub fn asset_file(bytes: &[u8]) {
    // The loader refuses what is not UTF-8.
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (assets, problems) = read_assets(text);
    assert_eq!(
        read_assets(text),
        (assets.clone(), problems.clone()),
        "read twice"
    );
    assert_told(&problems, text);
    let keys = assets.iter().filter_map(|asset| asset.key.as_ref());
    let mut keys: Vec<_> = keys.collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count, "a key stands twice");
    for asset in &assets {
        assert_inside(&asset.place, bytes);
        assert!(asset.tier.is_none_or(|tier| tier >= 1), "{asset:?}");
        let bounds = asset.freshness.iter().flat_map(|freshness| {
            [
                freshness.max_lag,
                freshness.max_age,
                freshness.max_event_lag,
            ]
        });
        for bound in bounds.flatten() {
            assert!(
                bound.warn.is_none_or(|warn| warn <= bound.limit),
                "{asset:?}"
            );
        }
    }
    for other in other_spellings(text) {
        let (respelled, told) = read_assets(&other);
        assert_eq!(codes(&told), codes(&problems), "{other:?}");
        assert_eq!(
            without_places(respelled),
            without_places(assets.clone()),
            "{other:?}"
        );
    }
    assert_resolves(&ResolveInput {
        declared: assets,
        ..ResolveInput::default()
    });
}

/// Reads bytes as a project file, for the environment that is the default and for another one.
pub fn project_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for environment in [None, Some("prod")] {
        let (project, problems) = read_project(text, environment);
        assert_eq!(
            read_project(text, environment),
            (project.clone(), problems.clone()),
            "read twice"
        );
        assert_told(&problems, text);
        let is_wrong = problems.iter().any(Diagnostic::is_error);
        assert!(
            project.is_some() || is_wrong,
            "no project, and nothing is wrong"
        );
        for other in other_spellings(text) {
            let (respelled, told) = read_project(&other, environment);
            assert_eq!(codes(&told), codes(&problems), "{other:?}");
            assert_eq!(respelled.is_some(), project.is_some(), "{other:?}");
        }
        if let Some(project) = &project {
            assert_is_sound(project, is_wrong);
        }
    }
}

fn assert_is_sound(project: &Project, is_wrong: bool) {
    assert!(!project.name.is_empty());
    if !is_wrong {
        assert!(
            project
                .environments
                .contains_key(&project.default_environment),
            "{project:?}"
        );
    }
}

fn read_assets(text: &str) -> (Vec<DeclaredAsset>, Vec<Diagnostic>) {
    let context = Context {
        environment: "dev",
        catalog: Some("main"),
        variables: &variables,
        calendars: &NO_CALENDARS,
    };
    parse_asset_file(&Arc::from("assets/a.yml"), text, &context)
}

fn read_project(text: &str, environment: Option<&str>) -> (Option<Project>, Vec<Diagnostic>) {
    parse_project(&Arc::from("headwater.yml"), text, environment, &variables)
}

fn assert_told(problems: &[Diagnostic], text: &str) {
    let secret = (!text.contains("hunter2")).then_some(SECRET);
    assert_bounded(problems, MOST, secret);
    for problem in problems {
        let Some(place) = &problem.place else {
            unreachable!("{problem:?} has no place")
        };
        assert_inside(place, text.as_bytes());
        assert_eq!(
            mask_tokens(&problem.message),
            problem.message,
            "a token is shown"
        );
    }
    let looked_at = problems.iter().take(MOST - 1);
    let places = looked_at.filter_map(|problem| problem.place.as_ref());
    assert!(
        places.is_sorted_by_key(|place| (place.line, place.column)),
        "{problems:?}"
    );
}

/// The same file as other editors would save it. YAML takes all three line ends for the same.
fn other_spellings(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    if !text.contains('\r') {
        all.push(text.replace('\n', "\r\n"));
    }
    if !text.starts_with('\u{feff}') {
        all.push(format!("\u{feff}{text}"));
    }
    // The law is about line ends, not about size.
    all.retain(|text| text.len() <= LONGEST_RESPELLED);
    all
}

fn without_places(mut assets: Vec<DeclaredAsset>) -> Vec<DeclaredAsset> {
    let nowhere = Place::start_of(&Arc::from("assets/a.yml"));
    for asset in &mut assets {
        asset.place = nowhere.clone();
        for upstream in &mut asset.depends_on {
            upstream.place = nowhere.clone();
        }
        if let Some(binding) = &mut asset.task {
            binding.place = nowhere.clone();
        }
        for check in asset.checks.iter_mut().flatten() {
            check.place = nowhere.clone();
        }
    }
    assets
}
