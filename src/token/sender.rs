//! The sender of a refresh token, compared with the device that last received the session's generation.

use crate::device::Device;
use crate::root_secret::RootSecrets;
use crate::store::session::{self, DeviceDigests};

/// The sender of a refresh token, compared with the device to which the session last wrote a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The same `User-Agent` in the same network.
    SameDevice,
    /// The same `User-Agent` in another network.
    SameUserAgent,
    /// Another `User-Agent`, or the session has no digests yet.
    OtherUserAgent,
}

impl Sender {
    /// Compares the device with the digests in the row, under every root secret.
    pub fn of(device: &Device, session: &session::Model, root_secrets: &RootSecrets) -> Self {
        let is = |description: &str, digest: &Option<Vec<u8>>| {
            digest
                .as_deref()
                .is_some_and(|digest| root_secrets.is_device(description, digest))
        };
        if is(&device.identity(), &session.device_digest) {
            Self::SameDevice
        } else if is(device.user_agent(), &session.user_agent_digest) {
            Self::SameUserAgent
        } else {
            Self::OtherUserAgent
        }
    }
}

/// The digests of a device, by the current root secret.
pub fn digests(device: &Device, root_secrets: &RootSecrets) -> DeviceDigests {
    DeviceDigests {
        device: root_secrets.digest_device(&device.identity()),
        user_agent: root_secrets.digest_device(device.user_agent()),
    }
}
