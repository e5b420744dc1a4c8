//! Encrypted connections, with rustls.

use std::path::PathBuf;
use std::sync::Arc;

use hw_base::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes encrypted connections.
pub(super) type Connector = MakeRustlsConnect;

/// Whose signature makes a certificate valid.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// The authorities that browsers trust.
    Public,
    /// The certificates of a PEM file.
    File(PathBuf),
}

/// Connections to a server whose certificate is valid for its name.
pub(super) fn verified(roots: &Roots) -> Result<Connector> {
    let roots = match roots {
        Roots::Public => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Roots::File(file) => from_file(file)?,
    };
    Ok(MakeRustlsConnect::new(builder()?.with_root_certificates(roots).with_no_client_auth()))
}

/// Connections that nobody can listen to, to whatever server answers: `sslmode=require` of PostgreSQL.
pub(super) fn unverified() -> Result<Connector> {
    let verifier = Arc::new(AnyServer(aws_lc_rs::default_provider()));
    Ok(MakeRustlsConnect::new(builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// Names the cryptography explicitly: the process may link several, and none need be chosen for it.
fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::bug("encrypted connections cannot be made").because(error))
}

fn from_file(file: &PathBuf) -> Result<RootCertStore> {
    let unreadable = |cause: String| {
        Error::user(format!("the certificates in `{}` cannot be read", file.display()))
            .code("HW206")
            .because(cause)
            .help("let `sslrootcert` of the database URL name a PEM file with the certificate of the authority")
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unreadable("it holds none".into())) } else { Ok(roots) }
}

/// Takes any certificate, but only from the one who has its key.
#[derive(Debug)]
struct AnyServer(CryptoProvider);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
