//! The synthetic graph that every benchmark uses, so that figures can be set beside other tools'
//! on the same graph: ten layers, three upstreams for each asset beyond the first layer, drawn by
//! a linear congruential generator with a fixed seed.
//!
//! It knows nothing of assets; who uses it turns names and parents into what it measures.
//! `lineage/tests/bench_graph.rs` checks it against published fingerprints.

const LAYERS: usize = 10;
const FAN_IN: usize = 3;
const SEED: u64 = 42;

/// One asset: its name, and the positions of what it reads, ascending.
pub(crate) type BenchAsset = (String, Vec<usize>);

/// Makes a graph of so many assets, in order of position, and the roots that the phase
/// `touch1pct` gives a new version, in the order drawn.
pub(crate) fn bench_graph(count: usize) -> (Vec<BenchAsset>, Vec<usize>) {
    let width = count.div_ceil(LAYERS).max(1);
    let mut draws = Draws { state: SEED };
    let mut is_read = vec![false; width];
    let assets = (0..count)
        .map(|position| {
            let layer = position / width;
            let parents = match layer.checked_sub(1) {
                Some(above) => draws.distinct(FAN_IN.min(width), width, above * width),
                None => Vec::new(),
            };
            for parent in &parents {
                if let Some(root) = is_read.get_mut(*parent) {
                    *root = true;
                }
            }
            (format!("a{position:06}"), parents)
        })
        .collect();
    (assets, touched_roots(width, &is_read))
}

fn touched_roots(width: usize, is_read: &[bool]) -> Vec<usize> {
    let readable = is_read.iter().filter(|root| **root).count();
    let wanted = (width / 100).max(1).min(readable);
    let mut draws = Draws { state: SEED + 1 };
    let mut touched = Vec::new();
    while touched.len() < wanted {
        let root = draws.below(width);
        if !touched.contains(&root) && is_read.get(root) == Some(&true) {
            touched.push(root);
        }
    }
    touched
}

/// Knuth's 64-bit linear congruential generator, of which the upper 31 bits are drawn.
struct Draws {
    state: u64,
}

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // 31 bits fit wherever this runs.
        usize::try_from(self.state >> 33).unwrap_or(0) % bound
    }

    /// Draws so many different positions from `base .. base + width`, and sorts them.
    fn distinct(&mut self, wanted: usize, width: usize, base: usize) -> Vec<usize> {
        let mut taken = Vec::with_capacity(wanted);
        while taken.len() < wanted {
            let candidate = base + self.below(width);
            if !taken.contains(&candidate) {
                taken.push(candidate);
            }
        }
        taken.sort_unstable();
        taken
    }
}
