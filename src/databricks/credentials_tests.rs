//! Which workspace and credentials are chosen, case by case.

use super::*;

const FILE: &str = "\
[DEFAULT]
host  = https://default.example.com
token = file-default
[prod]
host          = https://prod.example.com
client_id     = app-1
client_secret = file-prod
[half]
host      = https://half.example.com
client_id = app-2
";

struct Case<'a> {
    profile: Option<&'a str>,
    host: Option<&'a str>,
    environment: &'a [(&'a str, &'a str)],
    file: Option<&'a str>,
}

const NOTHING: Case<'_> = Case {
    profile: None,
    host: None,
    environment: &[],
    file: Some(FILE),
};

fn run(case: &Case<'_>) -> Result<ResolvedConnection, CredentialsError> {
    let declared = DeclaredConnection {
        profile: case.profile.map(str::to_owned),
        host: case.host.map(str::to_owned),
    };
    let environment = case
        .environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let file = ConfigFile {
        path: "~/.databrickscfg".into(),
        text: case.file.map(Secret::new),
    };
    resolve(&declared, &environment, Some(&file))
}

/// Describes a result as `host method credential`, or as the code of the error.
fn outcome(case: &Case<'_>) -> String {
    match run(case) {
        Err(error) => error.code().to_owned(),
        Ok(ResolvedConnection { host, auth, .. }) => match auth {
            Auth::Pat(token) => format!("{host} pat {}", token.reveal()),
            Auth::OAuthM2m {
                client_id,
                client_secret,
            } => {
                format!("{host} m2m {client_id}:{}", client_secret.reveal())
            }
        },
    }
}

#[test]
fn the_file_counts_where_nothing_else_is_set() {
    assert_eq!(
        outcome(&NOTHING),
        "https://default.example.com pat file-default"
    );
    let prod = Case {
        profile: Some("prod"),
        ..NOTHING
    };
    assert_eq!(
        outcome(&prod),
        "https://prod.example.com m2m app-1:file-prod"
    );
    let from_variable = Case {
        environment: &[("DATABRICKS_CONFIG_PROFILE", "prod")],
        ..NOTHING
    };
    assert_eq!(outcome(&from_variable), outcome(&prod));
    let both = Case {
        profile: Some("prod"),
        environment: &[("DATABRICKS_CONFIG_PROFILE", "half")],
        ..NOTHING
    };
    assert_eq!(outcome(&both), outcome(&prod));
}

#[test]
fn declared_before_environment_before_file() {
    let environment = [
        ("DATABRICKS_HOST", "env.example.com"),
        ("DATABRICKS_TOKEN", "env-token"),
    ];
    let from_environment = Case {
        environment: &environment,
        ..NOTHING
    };
    assert_eq!(
        outcome(&from_environment),
        "https://env.example.com pat env-token"
    );
    let declared = Case {
        host: Some("https://declared.example.com/"),
        ..from_environment
    };
    assert_eq!(
        outcome(&declared),
        "https://declared.example.com pat env-token"
    );
    let host_of_a_profile = Case {
        environment: &[
            ("DATABRICKS_CONFIG_PROFILE", "DEFAULT"),
            ("DATABRICKS_TOKEN", "env-token"),
        ],
        ..NOTHING
    };
    assert_eq!(
        outcome(&host_of_a_profile),
        "https://default.example.com pat env-token"
    );
}

#[test]
fn the_file_is_skipped_when_something_is_set_and_no_profile_is_named() {
    let host_only = Case {
        host: Some("h.example.com"),
        ..NOTHING
    };
    assert_eq!(outcome(&host_only), "W022");
    let token_only = Case {
        environment: &[("DATABRICKS_TOKEN", "t")],
        ..NOTHING
    };
    assert_eq!(outcome(&token_only), "W020");
    let broken_but_skipped = Case {
        host: Some("h.example.com"),
        environment: &[("DATABRICKS_TOKEN", "t")],
        file: Some("no ini at all"),
        ..NOTHING
    };
    assert_eq!(outcome(&broken_but_skipped), "https://h.example.com pat t");
}

#[test]
fn several_methods_need_a_word_which_one_counts() {
    let both = [
        ("DATABRICKS_HOST", "h.example.com"),
        ("DATABRICKS_TOKEN", "t"),
        ("DATABRICKS_CLIENT_ID", "app"),
        ("DATABRICKS_CLIENT_SECRET", "s"),
    ];
    let undecided = Case {
        environment: &both,
        ..NOTHING
    };
    let error = run(&undecided).unwrap_err();
    assert_eq!(error.code(), "W023");
    let text = error.to_string();
    assert!(text.contains("oauth") && text.contains("pat"), "{text}");
    assert!(
        text.contains("environment variable `DATABRICKS_TOKEN`"),
        "{text}"
    );

    let forced = |method| {
        let environment: Vec<_> = both
            .into_iter()
            .chain([("DATABRICKS_AUTH_TYPE", method)])
            .collect();
        outcome(&Case {
            environment: &environment,
            ..NOTHING
        })
    };
    assert_eq!(forced("pat"), "https://h.example.com pat t");
    assert_eq!(forced("oauth-m2m"), "https://h.example.com m2m app:s");
    assert_eq!(forced("azure-cli"), "W024");
}

#[test]
fn a_token_of_the_environment_and_a_principal_of_the_profile_are_two_methods() {
    let case = Case {
        profile: Some("prod"),
        environment: &[("DATABRICKS_TOKEN", "t")],
        ..NOTHING
    };
    assert_eq!(outcome(&case), "W023");
}

#[test]
fn a_declared_profile_and_another_host_of_the_environment_are_refused() {
    let case = |profile, host| {
        let environment = [("DATABRICKS_HOST", host)];
        outcome(&Case {
            profile,
            environment: &environment,
            ..NOTHING
        })
    };
    assert_eq!(case(Some("prod"), "https://dev.example.com"), "W030");
    assert_eq!(
        case(Some("prod"), "prod.example.com/"),
        "https://prod.example.com m2m app-1:file-prod"
    );
}

#[test]
fn what_is_missing_or_unusable_is_named() {
    let case = |profile, file| {
        outcome(&Case {
            profile,
            file,
            ..NOTHING
        })
    };
    assert_eq!(case(None, None), "W022");
    assert_eq!(case(Some("half"), Some(FILE)), "W025");
    assert_eq!(case(Some("prod"), None), "W027");
    assert_eq!(case(Some("prd"), Some(FILE)), "W028");
    assert_eq!(case(Some("prod"), Some("[prod")), "W029");
    assert_eq!(
        run(&Case {
            profile: Some("prd"),
            ..NOTHING
        })
        .unwrap_err()
        .hint(),
        "did you mean `prod`?"
    );
    for (host, code) in [("http://h.example.com", "W021"), ("https://u:p@h", "W021")] {
        let environment = [("DATABRICKS_HOST", host), ("DATABRICKS_TOKEN", "t")];
        assert_eq!(
            outcome(&Case {
                environment: &environment,
                ..NOTHING
            }),
            code
        );
    }
    let environment = [("DATABRICKS_HOST", "h"), ("DATABRICKS_TOKEN", "two words")];
    assert_eq!(
        outcome(&Case {
            environment: &environment,
            ..NOTHING
        }),
        "W026"
    );
    let environment = [("DATABRICKS_HOST", "h"), ("ARM_CLIENT_ID", "x")];
    assert_eq!(
        outcome(&Case {
            environment: &environment,
            ..NOTHING
        }),
        "W024"
    );
}

#[test]
fn empty_variables_are_absent_ones() {
    let case = Case {
        environment: &[("DATABRICKS_HOST", ""), ("DATABRICKS_TOKEN", "")],
        ..NOTHING
    };
    assert_eq!(
        outcome(&case),
        "https://default.example.com pat file-default"
    );
}

#[test]
fn sources_say_where_from_and_never_what() {
    let connection = run(&Case {
        profile: Some("prod"),
        ..NOTHING
    })
    .unwrap();
    assert_eq!(
        connection.sources["client_secret"],
        "profile `prod` of `~/.databrickscfg`"
    );
    assert!(!format!("{connection:?}").contains("file-prod"));
}

#[test]
fn no_error_shows_a_value() {
    let canary = "canary-7f3a";
    let files = [
        format!("[prod]\ntoken = {canary}\nhost = http://{canary}:x"),
        format!("[prod]\n{canary}\n"),
        format!("[prod]\nhost = https://u:{canary}@h\ntoken = {canary} {canary}"),
        format!("[prod]\nhost = h\ntoken = {canary}\nclient_id = {canary}"),
        format!("[prod]\nhost = h\nauth_type = {canary}\npassword = {canary}"),
    ];
    for file in &files {
        let error = run(&Case {
            profile: Some("prod"),
            file: Some(file),
            ..NOTHING
        })
        .unwrap_err();
        let shown = format!(
            "{error} {error:?} {} {:?}",
            error.hint(),
            std::error::Error::source(&error)
        );
        assert!(!shown.contains(canary), "{shown}");
    }
}

#[test]
fn the_configuration_file_is_looked_for_where_the_vendors_tools_do() {
    let path = |pairs: &[(&str, &str)]| {
        let environment = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        config_file_path(&environment).map(|path| path.display().to_string())
    };
    assert_eq!(path(&[]), None);
    assert_eq!(
        path(&[("HOME", "/home/a")]).unwrap(),
        "/home/a/.databrickscfg"
    );
    let named = [("HOME", "/home/a"), ("DATABRICKS_CONFIG_FILE", "~/cfg")];
    assert_eq!(path(&named).unwrap(), "/home/a/cfg");
    assert_eq!(
        path(&[("DATABRICKS_CONFIG_FILE", "/etc/cfg")]).unwrap(),
        "/etc/cfg"
    );
}
