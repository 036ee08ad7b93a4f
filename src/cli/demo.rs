//! `demo`: the whole of Headwater on a sample lakehouse, on this machine alone.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::Context;
use super::arguments::duration;
use super::table::{Cell, Table, Tone};
use crate::demo::{Act, Settings, TOKEN, Tally, run as play};
use crate::error::{CommandError, Exit};
use crate::report;
use crate::signals::Signals;

/// The data that arrives is the same in every demonstration.
const SEED: u64 = 20_261_120;

/// Arguments of `demo`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater demo\n  headwater demo --dir ./lakehouse\n  \
                  headwater demo --dir ./lakehouse --serve 127.0.0.1:8080"
)]
pub struct DemoArgs {
    /// For how long data keeps arriving in the act with a watching reconciler
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub arrivals_for: TimeDelta,
    /// Where the workspace listens; afterwards it goes on until Ctrl-C
    #[arg(long, value_name = "ADDR")]
    pub serve: Option<SocketAddr>,
    /// Folder of the sample project [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Leave the temporary folder behind, for trying commands in it; one of --dir always stays
    #[arg(long)]
    pub keep: bool,
}

pub(super) async fn run(context: &Context, args: &DemoArgs) -> Result<Exit, CommandError> {
    let mut signals = Signals::catch()?;
    let folder = folder(context, args)?;
    let program = std::env::current_exe().map_err(|error| {
        CommandError::bug("this program does not know where it lies").because_of(Some(&error))
    })?;
    let settings = Settings {
        folder: folder.path.clone(),
        listen: args
            .serve
            .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
        arrivals_for: args.arrivals_for.to_std().unwrap_or(Duration::ZERO),
        seed: SEED,
        is_quiet: context.output.is_quiet(),
        program,
    };
    let say = |line: &str| context.output.talk(&format!("{line}\n"));
    let played = tokio::select! {
        played = play(&settings, &say) => played,
        exit = signals.received() => return Ok(exit),
    };
    let (tally, stage) =
        played.map_err(|error| CommandError::from_chain("C015", Exit::Failed, &error))?;
    let document = report::demo_document(&json!(tally));
    context
        .output
        .emit_value(&document, None, || text(&tally))?;
    if folder.is_kept {
        say(&afterwards(
            &tally,
            stage.workspace.url(),
            args.serve.is_some(),
        ));
    }
    if args.serve.is_some() {
        say("The workspace goes on; end it with Ctrl-C.");
        signals.received().await;
    }
    stage.workspace.shutdown().await;
    for (act, figure) in tally.unmet() {
        let message = format!(
            "{act}: {} is {}, and must be {}",
            figure.name, figure.found, figure.must_be
        );
        context.output.warn(&message, None);
    }
    Ok(if tally.is_good() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// The folder of the sample, and what becomes of it.
struct Folder {
    path: PathBuf,
    is_kept: bool,
    /// Removes a temporary folder when it is dropped.
    _temporary: Option<tempfile::TempDir>,
}

fn folder(context: &Context, args: &DemoArgs) -> Result<Folder, CommandError> {
    if let Some(dir) = &args.dir {
        let path = context.directory.join(dir);
        return Ok(Folder {
            path,
            is_kept: true,
            _temporary: None,
        });
    }
    let failed = |error: std::io::Error| {
        CommandError::new("C008", Exit::Failed, "no temporary folder can be made")
            .because_of(Some(&error))
            .hint("name a folder with --dir")
    };
    let temporary = tempfile::Builder::new()
        .prefix("headwater-demo-")
        .tempdir()
        .map_err(failed)?;
    if args.keep || args.serve.is_some() {
        return Ok(Folder {
            path: temporary.keep(),
            is_kept: true,
            _temporary: None,
        });
    }
    let path = temporary.path().to_owned();
    Ok(Folder {
        path,
        is_kept: false,
        _temporary: Some(temporary),
    })
}

fn text(tally: &Tally) -> String {
    let mut table = Table::new(&["MART", "ROWS", "EQUALS ITS SOURCES"]);
    for mart in &tally.marts {
        let (word, tone) = match (&mart.difference, mart.is_equal) {
            (_, true) => ("yes", Tone::Good),
            (Some(difference), false) => (difference.as_str(), Tone::Bad),
            (None, false) => ("no", Tone::Bad),
        };
        table.row(vec![
            Cell::new(&mart.asset, Tone::Strong),
            Cell::plain(mart.rows.to_string()),
            Cell::new(word, tone),
        ]);
    }
    let mut text = format!("\n{}\n{}\n", table.render(), acts_text(&tally.acts));
    let latency = tally.commit_to_trigger.map_or_else(
        || "not measured".to_owned(),
        |latency| {
            format!(
                "{} ms median, {} ms at most ({} commits)",
                latency.median_ms, latency.longest_ms, latency.count
            )
        },
    );
    let figures = [
        ("runs triggered", tally.runs_triggered.to_string()),
        (
            "runs avoided",
            format!("{} (downstream of maintenance)", tally.runs_avoided),
        ),
        ("duplicate runs", tally.duplicates.to_string()),
        (
            "kills, lost answers",
            format!("{}, {}", tally.kills, tally.lost_answers),
        ),
        ("commit to trigger", latency),
        ("took", format!("{:.1} s", tally.seconds)),
    ];
    for (name, value) in figures {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{name:<20} {value}");
    }
    text
}

fn acts_text(acts: &[Act]) -> String {
    let mut table = Table::new(&["ACT", "FIGURE", "FOUND", "MUST BE"]);
    for act in acts {
        for figure in &act.figures {
            let tone = if figure.is_met { Tone::Good } else { Tone::Bad };
            table.row(vec![
                Cell::new(act.name, Tone::Strong),
                Cell::plain(figure.name),
                Cell::new(figure.found.to_string(), tone),
                Cell::plain(figure.must_be.to_string()),
            ]);
        }
    }
    table.render()
}

fn afterwards(tally: &Tally, url: &str, goes_on: bool) -> String {
    let folder = &tally.folder;
    let workspace = if goes_on {
        format!("the workspace listens at {url}")
    } else {
        format!(
            "headwater demo --dir {folder} --for 0s --serve 127.0.0.1:0   # its workspace again"
        )
    };
    format!(
        "\nThe project is left in {folder}. Try:\n  cd {folder}\n  export DATABRICKS_TOKEN={TOKEN}   \
         # opens the demonstration's workspace, nothing else\n  headwater status\n  \
         headwater explain finance.revenue_by_month\n  headwater plan\n  \
         headwater explain mart.balance --project acts/snapshot   # one of the five beside it\n  {workspace}"
    )
}
