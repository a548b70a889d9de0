//! What can't be understood, and what comes after it.

checks! {
    what_comes_after_poison_waits_until_it_is_released,
    a_payload_that_breaks_its_schema_is_parked,
    what_is_no_envelope_is_parked_and_nothing_waits_behind_it,
    an_unknown_version_is_parked_and_an_unknown_type_is_settled,
    an_event_on_a_topic_that_is_not_its_own_changes_nothing,
    an_entry_ahead_of_its_producer_is_parked_and_nothing_waits_behind_it,
    an_entry_ahead_of_its_producer_stays_parked_when_it_is_redriven,
    an_entry_applied_ahead_of_its_producer_is_counted,
}
