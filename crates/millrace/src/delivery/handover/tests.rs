//! A feed that is behind is over when all that its lane has left is read, and not before.

use super::*;

fn behind(after: Position, through: Position) -> (Behind, Own, Left) {
    let (own, left) = (("pricing.price".to_owned(), 7), Left { after, through });
    (Behind(Mutex::new(BTreeMap::from([(own.clone(), left)]))), own, left)
}

#[test]
fn a_feed_that_moved_on_while_it_was_read_is_read_again() {
    for read in [Some(20), None] {
        let (behind, own, seen) = behind(10, 20);
        behind.feeds().get_mut(&own).expect("it is behind").through = 25;
        assert_eq!(behind.advance(&own, seen, read), 25);
        let (_, left) = behind.first().expect("it is behind");
        assert_eq!((left.after, left.through), (read.unwrap_or(10), 25));
    }
}

#[test]
fn a_feed_of_which_nothing_is_left_goes_by_its_lane_again() {
    for read in [Some(20), Some(21), None] {
        let (behind, own, seen) = behind(10, 20);
        assert_eq!(behind.advance(&own, seen, read), 20, "what its lane hands on is not published twice");
        assert!(behind.first().is_none(), "{read:?}");
    }
}
