//! From a plan that fails to the fewest orders and ingredients that still do: delta debugging (Zeller, Hildebrandt 2002).

use super::plan::Plan;
use super::run;

/// Runs that looking for a smaller plan may take.
const RUNS: usize = 200;

pub struct Shrunk {
    pub orders: usize,
    /// Places of the ingredients in the seed's plan.
    pub places: Vec<usize>,
    pub violation: String,
}

/// The smallest plan found that fails as `plan` does: by the same invariant, or it would be another bug.
pub fn shrink(plan: &Plan, violation: &str) -> Shrunk {
    let mut left = RUNS;
    let mut fails = |orders: usize, places: &[usize]| {
        left = left.checked_sub(1)?;
        // Ingredients are drawn for the whole plan; with fewer orders they stay what they are.
        let smaller = Plan { orders, ..plan.clone() }.only(places);
        run(&smaller).0.err().filter(|found| invariant(found) == invariant(violation))
    };
    let (mut orders, mut violation) = (plan.orders, violation.to_owned());
    let mut places: Vec<usize> = (0..plan.ingredients.len()).collect();
    let mut parts = 2;
    while places.len() > 1 {
        let size = places.len().div_ceil(parts);
        let without = |part: usize| {
            let is_left = |(at, _): &(usize, &usize)| at / size != part;
            places.iter().enumerate().filter(is_left).map(|(_, place)| *place).collect::<Vec<_>>()
        };
        let smaller =
            (0..places.len().div_ceil(size)).map(without).find_map(|rest| Some((fails(orders, &rest)?, rest)));
        match smaller {
            Some((found, rest)) => {
                (violation, places) = (found, rest);
                parts = 2.max(parts - 1);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(places.len()),
        }
    }
    while let Some((fewer, found)) = [orders / 2, orders - 1]
        .into_iter()
        .filter(|fewer| *fewer > 0 && *fewer < orders)
        .find_map(|fewer| Some((fewer, fails(fewer, &places)?)))
    {
        (orders, violation) = (fewer, found);
    }
    Shrunk { orders, places, violation }
}

/// The number of the invariant that a violation names.
pub fn invariant(violation: &str) -> &str {
    violation.split(':').next().unwrap_or(violation)
}
