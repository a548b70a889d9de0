//! What is shipped twice, or never, is seen.

use super::*;

#[test]
fn an_order_told_of_twice_or_never_is_wrong() {
    let board = Board::default();
    let _waiting: Vec<_> = (0..3).map(|_| board.next()).collect();
    [b"ord-000000", b"ord-000001", b"ord-000001"].iter().for_each(|line| board.ship(*line));
    assert_eq!(board.wrong(), [1, 2]);
}
