//! The cipher suites that are offered, and whose AES-GCM encrypts records on this processor.
//!
//! AES-GCM is the largest part of what a large response costs. aws-lc-rs has it for AES-NI (128 bits at a time), for AVX-512 and for ARM;
//! ring has it for VAES with 256 bits too (AMD Zen 3, Intel's desktop processors from Alder Lake on), where it takes half the time of aws-lc's.
//! So TLS 1.3, which is what browsers speak, gets ring's suites of AES-GCM where aws-lc would fall back to 128 bits, and aws-lc's everywhere else.
//! The hash and the derivation of keys go with the suite: ring's cost a handshake less too. Key exchange, signatures, randomness and
//! tickets are aws-lc's in any case.
//!
//! Nothing that is negotiated depends on it: suites and their order are the same.

use std::fmt;

use rustls::crypto::{aws_lc_rs, ring};
use rustls::{CipherSuite, SupportedCipherSuite};

/// Whose AES-GCM it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AesGcm {
    /// That of aws-lc.
    AwsLc,
    /// That of ring.
    Ring,
}

impl AesGcm {
    /// The faster one on this processor.
    pub(super) fn fastest() -> Self {
        match AesWidth::of_processor() {
            AesWidth::Bits256 => Self::Ring,
            AesWidth::Bits512 | AesWidth::Other => Self::AwsLc,
        }
    }

    /// Every suite that is offered, in the order of aws-lc-rs.
    pub(super) fn cipher_suites(self) -> Vec<SupportedCipherSuite> {
        let suites = aws_lc_rs::DEFAULT_CIPHER_SUITES.iter().copied();
        match self {
            Self::AwsLc => suites.collect(),
            Self::Ring => suites.map(encrypted_by_ring).collect(),
        }
    }
}

impl fmt::Display for AesGcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsLc => "aws-lc",
            Self::Ring => "ring",
        })
    }
}

/// How much the widest AES instructions of a processor encrypt at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AesWidth {
    /// VAES with AVX-512.
    Bits512,
    /// VAES with AVX2.
    Bits256,
    /// Less, or another kind of processor.
    Other,
}

impl AesWidth {
    /// Asks for the features that the two libraries ask for.
    #[cfg(target_arch = "x86_64")]
    fn of_processor() -> Self {
        use std::is_x86_feature_detected as has;

        let vaes = has!("aes") && has!("vaes") && has!("vpclmulqdq") && has!("avx2");
        let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        match (vaes, avx512) {
            (true, true) => Self::Bits512,
            (true, false) => Self::Bits256,
            (false, _) => Self::Other,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of_processor() -> Self {
        Self::Other
    }
}

/// The same suite of ring, where AES-GCM encrypts TLS 1.3.
fn encrypted_by_ring(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    match suite.suite() {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_AES_128_GCM_SHA256 => ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
        _ => suite,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::ServerConfig;
    use rustls::crypto::CryptoProvider;
    use rustls::version::TLS13;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::super::fixture::Fixture;
    use super::super::resolver::Resolver;
    use super::*;

    fn names(aes_gcm: AesGcm) -> Vec<CipherSuite> {
        aes_gcm.cipher_suites().iter().map(SupportedCipherSuite::suite).collect()
    }

    /// One suite of TLS 1.3 alone.
    fn provider(aes_gcm: AesGcm, name: CipherSuite) -> Arc<CryptoProvider> {
        let mut cipher_suites = aes_gcm.cipher_suites();
        cipher_suites.retain(|suite| suite.suite() == name);
        Arc::new(CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() })
    }

    #[test]
    fn the_suites_and_their_order_do_not_depend_on_who_encrypts() {
        assert_eq!(names(AesGcm::Ring), names(AesGcm::AwsLc));
        assert!(names(AesGcm::Ring).contains(&CipherSuite::TLS13_CHACHA20_POLY1305_SHA256));
    }

    #[test]
    fn ring_encrypts_where_it_is_said_to() {
        let differ = |name: &CipherSuite| {
            let aead = |aes_gcm| provider(aes_gcm, *name).cipher_suites.first()?.tls13().map(|suite| (&raw const *suite.aead_alg).addr());
            aead(AesGcm::Ring) != aead(AesGcm::AwsLc)
        };
        let different: Vec<_> = names(AesGcm::Ring).into_iter().filter(differ).collect();
        assert_eq!(different, [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS13_AES_128_GCM_SHA256]);
    }

    #[tokio::test]
    async fn what_one_encrypts_the_other_reads() {
        let fixture = Fixture::new();
        // Around the size of a block and of a record.
        let lengths = [1, 15, 16, 17, 255, 16_383, 16_384, 16_385, 100_000];
        for name in [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS13_AES_128_GCM_SHA256] {
            for (near, far) in [(AesGcm::AwsLc, AesGcm::Ring), (AesGcm::Ring, AesGcm::AwsLc), (AesGcm::Ring, AesGcm::Ring)] {
                let client = fixture.client_with(provider(near, name), &[&TLS13]);
                let server = ServerConfig::builder_with_provider(provider(far, name)).with_protocol_versions(&[&TLS13]).unwrap();
                let server = server.with_no_client_auth().with_cert_resolver(Arc::new(Resolver::new(&fixture.certificate())));
                let (client_end, server_end) = duplex(1 << 20);
                let connector = TlsConnector::from(Arc::new(client));
                let acceptor = TlsAcceptor::from(Arc::new(server));
                let ends = tokio::join!(connector.connect("localhost".try_into().unwrap(), client_end), acceptor.accept(server_end));
                let (mut client, mut server) = (ends.0.unwrap(), ends.1.unwrap());
                for length in lengths {
                    let sent: Vec<u8> = (0..length).map(|number: u32| number.to_le_bytes()[0]).collect();
                    let mut received = vec![0; sent.len()];
                    server.write_all(&sent).await.unwrap();
                    client.read_exact(&mut received).await.unwrap();
                    assert!(received == sent, "{length} bytes from {far} to {near}, {name:?}");
                    client.write_all(&sent).await.unwrap();
                    received.fill(0);
                    server.read_exact(&mut received).await.unwrap();
                    assert!(received == sent, "{length} bytes from {near} to {far}, {name:?}");
                }
            }
        }
    }
}
