//! What an operator does about what is parked.

checks! {
    an_edited_payload_is_what_its_consumer_takes,
    an_edit_that_breaks_the_schema_is_refused_with_its_place,
    what_is_discarded_stays_so_however_it_comes_again,
    what_still_cannot_be_handled_stays_parked_and_is_counted,
    two_who_redrive_at_once_release_it_once,
    a_redrive_survives_a_crash_at_any_step,
    a_discard_survives_a_crash_at_any_step,
    what_has_no_position_is_read_again_or_discarded,
    an_entry_dead_lettered_by_the_sidecar_is_parked_once,
    a_dead_letter_shows_its_shape_and_no_text,
}
