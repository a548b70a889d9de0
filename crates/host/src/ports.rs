//! Every port of a deployment on one machine. All lie below 32768, where the kernel hands out none to clients, and move
//! together by one base, so that several deployments fit on one machine.

use std::net::{Ipv4Addr, SocketAddr};

/// Longest shift that keeps every port below 32768.
pub const LARGEST_BASE: u16 = 24_000;

/// First port of the first service, and what lies between two services.
const SERVICES: (u16, u16) = (8100, 10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Added to every port.
    pub base: u16,
}

/// The ports of one service and of its sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServicePorts {
    pub app: u16,
    pub admin: u16,
    pub dapr_http: u16,
    pub dapr_grpc: u16,
    pub dapr_internal: u16,
    pub dapr_metrics: u16,
}

impl Ports {
    pub fn gateway(self) -> u16 {
        self.base + 8080
    }

    /// Of all services together, under `up`.
    pub fn admin(self) -> u16 {
        self.base + 8081
    }

    /// By the service's place in the list of services.
    pub fn service(self, place: usize) -> ServicePorts {
        let app = self.base + SERVICES.0 + SERVICES.1 * place as u16;
        ServicePorts {
            app,
            admin: app + 1,
            dapr_http: app + 2,
            dapr_grpc: app + 3,
            dapr_internal: app + 4,
            dapr_metrics: app + 5,
        }
    }

    pub fn sandpay(self) -> u16 {
        self.base + 8091
    }

    pub fn harborpay(self) -> u16 {
        self.base + 8092
    }

    pub fn carrier(self) -> u16 {
        self.base + 8093
    }

    pub fn mailbox_smtp(self) -> u16 {
        self.base + 8025
    }

    pub fn mailbox_http(self) -> u16 {
        self.base + 8026
    }

    pub fn redis(self) -> u16 {
        self.base + 6390
    }
}

/// `port` on this machine alone.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Its URL.
pub fn local_url(port: u16) -> String {
    format!("http://{}", local(port))
}
