//! Who is let in: sidecars by their token, partners by their signature.

checks! {
    a_call_without_the_app_token_has_no_effect,
    what_comes_while_the_store_is_away_is_asked_for_again,
    a_callback_that_is_not_signed_changes_nothing,
    a_callback_is_heard_once_however_often_it_comes,
    a_callback_that_is_early_is_asked_to_come_again,
    a_hostile_request_gets_a_documented_answer_and_changes_nothing,
    a_body_that_never_ends_is_given_up,
}
