//! The binary as its users meet it: processes, sockets, signals, exit statuses, and the files written from the wiring.

mod access;
mod break_it;
mod deadletters;
mod dev;
mod doctor;
mod emitted;
mod full_disk;
mod golden;
mod hostile;
mod http_api;
mod interop;
mod judged;
mod jwks;
mod kills;
mod logs;
mod look;
mod output;
mod power;
mod quiet;
mod schemathesis;
mod secrets;
mod secretstore;
mod serve;
mod shop;
mod traces;
mod up;
