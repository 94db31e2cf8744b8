//! Certificates and TLS servers of the tests.

use std::{fs, path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::ResolvesServerCert,
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::probe::tls;

fn read(file: &str) -> Vec<u8> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/probe/fixtures");
    fs::read(directory.join(file)).expect("a fixture")
}

/// The certificates of `fixtures/<name>.pem`.
pub(in crate::probe) fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&read(&format!("{name}.pem")))
        .collect::<Result<_, _>>()
        .expect("certificates")
}

/// This chain and the private key of `fixtures/<key>.key`.
pub(in crate::probe) fn shown(chain_name: &str, key: &str) -> Arc<CertifiedKey> {
    let provider = tls::provider().expect("a processor with what TLS takes");
    let key = PrivateKeyDer::from_pem_slice(&read(&format!("{key}.key"))).expect("a key");
    let key = provider.key_provider.load_private_key(key).expect("a key");
    Arc::new(CertifiedKey::new(chain(chain_name), key))
}

/// A server's side that shows them.
pub(in crate::probe) fn server(chain_name: &str, key: &str) -> ServerConfig {
    let provider = Arc::new(tls::provider().expect("a processor with what TLS takes"));
    let shown = SingleCertAndKey::from(CertifiedKey::clone(&shown(chain_name, key)));
    let shown: Arc<dyn ResolvesServerCert> = Arc::new(shown);
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(shown)
}
