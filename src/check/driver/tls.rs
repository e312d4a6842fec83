//! TLS for SSL_GET: a check that a server answers, not who it is.
//!
//! As in keepalived the certificate is not verified. Signatures are not either, so that servers with old keys and
//! certificates (RSA-1024, P-521, X.509 v1, SHA-1) can be checked; rustls refuses the rest of the handshake as always.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{HttpGet, HttpUrl};

/// Ready to be used by any number of checks.
#[derive(Clone)]
pub(super) struct TlsClient {
    with_sni: Arc<ClientConfig>,
    without_sni: Arc<ClientConfig>,
}

impl TlsClient {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let with_sni = client_config()?;
        let mut without_sni = with_sni.clone();
        without_sni.enable_sni = false;
        Ok(Self {
            with_sni: Arc::new(with_sni),
            without_sni: Arc::new(without_sni),
        })
    }

    /// The handshake. A server name is sent with `enable_sni` only.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        http: &HttpGet,
        url: &HttpUrl,
        target: IpAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let name = (http.sni_name.as_ref().or(url.virtualhost.as_ref()))
            .filter(|_| http.enable_sni)
            .and_then(|name| ServerName::try_from(name.clone()).ok());
        let (config, name) = match name {
            Some(name) => (&self.with_sni, name),
            None => (&self.without_sni, ServerName::IpAddress(target.into())),
        };
        TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
    }
}

fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AssertEverything))
        .with_no_client_auth();
    // Every check is to do the whole handshake.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Accepts any certificate and any signature.
#[derive(Debug)]
struct AssertEverything;

impl ServerCertVerifier for AssertEverything {
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
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// All but ECDSA_SHA1_Legacy, which some servers refuse a client for.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
        ]
    }
}
