//! YAML text → tree, within bounds that no file of a person reaches.
//!
//! The parser hands over events one by one, so that a hostile text is refused where it passes a
//! bound, before it costs memory. What YAML allows and nobody means here is refused by name: merge
//! keys, tags, several documents, keys that are not text.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, Span, StructureStyle, Tag,
};

use super::problem::Problem;
use super::report::{Report, shown};
use super::substitute::substitute;
use super::tree::{Content, Entry, NodeId, Scalar, Spot, Tree};

/// The largest file that is read, in bytes: 1 MiB is about 3,000 assets.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// The most nodes that are read, each alias counting as often as it repeats what it names.
const MAX_NODES: usize = 50_000;

/// The key by which YAML 1.1 copied one mapping into another.
const MERGE: &str = "<<";
const MERGE_HELP: &str =
    "write the keys out, or give them to all assets under `defaults:` in `headwater.yml`";

/// Reads one YAML document; `None` where the text is unusable as a whole.
pub(super) fn parse_yaml(whole: &str, report: &mut Report<'_>) -> Option<Tree> {
    let (text, skipped) = match whole.strip_prefix('\u{feff}') {
        Some(rest) => (rest, '\u{feff}'.len_utf8()),
        None => (whole, 0),
    };
    if text.len() > MAX_BYTES {
        let megabytes = text.len() / (1024 * 1024);
        report
            .error(
                Problem::TooLarge,
                &Spot::file_start(),
                format!("the file has more than {megabytes} MiB; at most 1 MiB is read"),
            )
            .help =
            Some("split it into several files; every file that matches `assets:` is read".into());
        return None;
    }
    if let Some(at) = whole.find('\0') {
        let spot = Spot::of_range(whole, at..at + 1);
        report
            .error(
                Problem::Syntax,
                &spot,
                "the file holds a NUL byte, so it is not text",
            )
            .help = Some("save it as UTF-8 without NUL bytes".into());
        return None;
    }
    let mut builder = Builder {
        skipped,
        ..Builder::default()
    };
    for next in Parser::new_from_str(text) {
        let step = match next {
            Ok((event, span)) => builder.take(event, &span, report),
            Err(error) => {
                let spot = builder.spot(&Span::empty(*error.marker()));
                let too_deep = matches!(error.kind(), ErrorKind::RecursionLimitExceeded);
                let problem = if too_deep {
                    Problem::TooLarge
                } else {
                    Problem::Syntax
                };
                let message = format!("this is not YAML: {}", error.info());
                report.error(problem, &spot, message).help = syntax_help(text, &spot);
                None
            }
        };
        step?;
    }
    Some(builder.tree)
}

/// Names the two usual causes, where the text shows them.
fn syntax_help(text: &str, spot: &Spot) -> Option<String> {
    let mut near = text.lines().skip(spot.line.saturating_sub(1)).take(2);
    if near.any(|line| line.trim_start_matches(' ').starts_with('\t')) {
        return Some("indent with spaces: YAML does not take tabs".into());
    }
    let line = text.lines().nth(spot.line.saturating_sub(1))?;
    (line.contains("{{") && !line.contains(['"', '\'']))
        .then(|| "put a value that begins with `{{` in quotes".into())
}

/// A list or mapping whose end was not seen yet.
struct Open {
    id: NodeId,
    anchor: usize,
    /// In a mapping: the key whose value comes next.
    key: Option<(String, Spot)>,
    /// The lines of keys seen so far.
    seen: BTreeMap<String, usize>,
    /// Nodes in it, with aliases counted as often as they repeat something.
    size: usize,
}

#[derive(Default)]
struct Builder {
    tree: Tree,
    skipped: usize,
    open: Vec<Open>,
    /// Complete anchored nodes with their sizes.
    anchors: BTreeMap<usize, (NodeId, usize)>,
    total: usize,
    documents: usize,
}

impl Builder {
    fn spot(&self, span: &Span) -> Spot {
        let start = span.start.byte_offset().unwrap_or_default() + self.skipped;
        let end = span.end.byte_offset().unwrap_or_default() + self.skipped;
        Spot {
            line: span.start.line().max(1),
            column: span.start.col() + 1,
            span: start..end.max(start),
        }
    }

    /// Takes one event; `None` stops the reading.
    fn take(&mut self, event: Event<'_>, span: &Span, report: &mut Report<'_>) -> Option<()> {
        let spot = self.spot(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    report
                        .error(
                            Problem::Syntax,
                            &spot,
                            "the file holds a second YAML document",
                        )
                        .help = Some("write it into a file of its own".into());
                    return None;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = check_tag(tag.as_deref(), &spot, report) && style == ScalarStyle::Plain;
                if self.awaits_key() {
                    return self.take_key(text.into_owned(), spot, report);
                }
                let content = scalar(text.into_owned(), plain, report);
                self.count(1, &spot, report)?;
                let id = self.tree.push(spot, content);
                self.attach(id, 1, anchor, report);
            }
            Event::SequenceStart(style, anchor, tag) => {
                check_tag(tag.as_deref(), &spot, report);
                self.open(Content::List(Vec::new()), style, anchor, spot, report)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                check_tag(tag.as_deref(), &spot, report);
                self.open(Content::Map(Vec::new()), style, anchor, spot, report)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(report)?,
            Event::Alias(anchor) => {
                let Some((id, size)) = self.anchors.get(&anchor).copied() else {
                    report.error(
                        Problem::Syntax,
                        &spot,
                        "this alias stands inside the value it names",
                    );
                    return None;
                };
                if self.awaits_key() {
                    return refuse_key(&spot, report);
                }
                self.count(size, &spot, report)?;
                self.attach(id, size, 0, report);
            }
            // Comments and the ends of things; the parser may grow further kinds.
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | Event::Comment(..)
            | _ => {}
        }
        Some(())
    }

    fn awaits_key(&self) -> bool {
        self.open.last().is_some_and(|open| {
            open.key.is_none() && matches!(self.tree.content(open.id), Content::Map(_))
        })
    }

    fn take_key(&mut self, key: String, spot: Spot, report: &mut Report<'_>) -> Option<()> {
        if key == MERGE {
            let message = "merge keys (`<<`) are not part of YAML 1.2 and are not read";
            report.error(Problem::Syntax, &spot, message).help = Some(MERGE_HELP.into());
        }
        if key.is_empty() {
            return refuse_key(&spot, report);
        }
        if let Some(open) = self.open.last_mut() {
            open.key = Some((key, spot));
        }
        Some(())
    }

    fn open(
        &mut self,
        content: Content,
        style: StructureStyle,
        anchor: usize,
        mut spot: Spot,
        report: &mut Report<'_>,
    ) -> Option<()> {
        if self.awaits_key() {
            return refuse_key(&spot, report);
        }
        if self.open.len() >= MAX_DEPTH {
            report.error(
                Problem::TooLarge,
                &spot,
                format!("this is nested more than {MAX_DEPTH} levels deep"),
            );
            return None;
        }
        self.count(1, &spot, report)?;
        // A mark on the whole of a list or mapping would cover pages: its first sign is enough.
        if style == StructureStyle::Flow {
            spot.span = spot.span.start..spot.span.start + 1;
        }
        let id = self.tree.push(spot, content);
        self.open.push(Open {
            id,
            anchor,
            key: None,
            seen: BTreeMap::new(),
            size: 1,
        });
        Some(())
    }

    fn close(&mut self, report: &mut Report<'_>) -> Option<()> {
        let open = self.open.pop()?;
        let first = match self.tree.content(open.id) {
            Content::Map(entries) => entries.first().map(|entry| entry.key_spot.span.clone()),
            Content::List(_) | Content::Scalar(_) | Content::Null => None,
        };
        if let (Some(first), Some(node)) = (first, self.tree.node_mut(open.id))
            && node.spot.span.start == first.start
        {
            node.spot.span = first;
        }
        self.attach(open.id, open.size, open.anchor, report);
        Some(())
    }

    /// Counts nodes, and stops the reading beyond the bound.
    fn count(&mut self, added: usize, spot: &Spot, report: &mut Report<'_>) -> Option<()> {
        self.total = self.total.saturating_add(added);
        if self.total <= MAX_NODES {
            return Some(());
        }
        let message = format!(
            "the file holds more than {MAX_NODES} values, aliases counted as often as they repeat something"
        );
        report.error(Problem::TooLarge, spot, message).help =
            Some("split it into several files".into());
        None
    }

    /// Puts a complete node into what is open around it.
    fn attach(&mut self, id: NodeId, size: usize, anchor: usize, report: &mut Report<'_>) {
        if anchor != 0 {
            self.anchors.insert(anchor, (id, size));
        }
        let Some(parent) = self.open.last_mut() else {
            self.tree.root = Some(id);
            return;
        };
        parent.size = parent.size.saturating_add(size);
        let key = parent.key.take();
        let parent_id = parent.id;
        if let Some((key, key_spot)) = &key {
            // Reported already, and nothing that a type would know.
            if key == MERGE {
                return;
            }
            if let Some(line) = parent.seen.get(key) {
                report
                    .error(
                        Problem::DuplicateKey,
                        key_spot,
                        format!("`{}` is written twice", shown(key)),
                    )
                    .notes
                    .push(format!("the first one is on line {line}"));
                return;
            }
            parent.seen.insert(key.clone(), key_spot.line);
        }
        match (
            self.tree.node_mut(parent_id).map(|node| &mut node.content),
            key,
        ) {
            (Some(Content::Map(entries)), Some((key, key_spot))) => entries.push(Entry {
                key,
                key_spot,
                value: id,
            }),
            (Some(Content::List(items)), _) => items.push(id),
            _ => {}
        }
    }
}

/// Reports a tag that is not read, and returns whether a plain scalar stays plain.
fn check_tag(tag: Option<&Tag>, spot: &Spot, report: &mut Report<'_>) -> bool {
    let Some(tag) = tag else { return true };
    let written = tag.to_string();
    if written.ends_with("!str") || written.ends_with(":str") || written == "!" {
        return false;
    }
    if !tag.is_yaml_core_schema() {
        report
            .error(
                Problem::Syntax,
                spot,
                format!("the tag `{written}` is not read here"),
            )
            .help = Some("leave the tag out".into());
    }
    true
}

fn refuse_key(spot: &Spot, report: &mut Report<'_>) -> Option<()> {
    report
        .error(Problem::Syntax, spot, "a key must be plain text")
        .help = Some("a value that begins with `{{` needs quotes".into());
    None
}

/// Makes the content of a scalar, with variables put in.
pub(super) fn scalar(written: String, plain: bool, report: &Report<'_>) -> Content {
    if plain && matches!(written.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Content::Null;
    }
    let substituted = substitute(&written, report.variables);
    Content::Scalar(Scalar {
        written,
        plain,
        substituted,
    })
}
