//! The public API: keys, bodies, refusals, pages, live histories.

checks! {
    a_repeated_request_gets_the_same_bytes,
    equal_requests_at_once_make_one_order,
    a_key_reused_for_another_body_is_refused,
    a_key_makes_one_order_for_ever,
    a_request_without_a_usable_key_is_refused,
    a_body_that_breaks_its_schema_is_told_where,
    an_article_without_a_price_can_be_ordered_with_the_same_key_later,
    an_order_costs_what_is_current_at_its_moment_and_not_what_is_planned,
    articles_sold_in_several_currencies_are_not_one_order,
    what_is_not_there_is_told_so,
    a_cancelled_order_can_be_cancelled_again,
    a_body_larger_than_a_mebibyte_is_refused,
    a_users_orders_come_in_pages,
    an_orders_history_can_be_watched_to_its_end_and_resumed,
    correlation_and_trace_travel_into_every_event,
}
