//! Parsing, and that nothing is merged.

use serde_json::json;

use super::*;
use crate::testing::get;

#[tokio::test(start_paused = true)]
async fn a_mail_sent_twice_is_kept_twice() {
    let mailbox = Mailbox::open(None, Clock::simulated(1)).unwrap();
    let message = "From: shop@mail.example\r\nTo: Ada Byron\r\n <ada@mail.example>\r\nsubject: Order: paid\r\nMessage-ID: <o-1.paid@mail.example>\r\n\r\nThank you.\r\n\r\nThe shop\r\n";
    mailbox.receive(message.as_bytes()).await.unwrap();
    mailbox.receive(message.as_bytes()).await.unwrap();
    let mail = json!({"messageId": "<o-1.paid@mail.example>", "from": "shop@mail.example", "to": "Ada Byron <ada@mail.example>",
        "subject": "Order: paid", "body": "Thank you.\r\n\r\nThe shop\r\n", "at": "2026-01-01T00:00:00.000000Z"});
    assert_eq!(get(&router(mailbox), "/mails").await, json!([mail, mail]));
}
