//! What is in the development certificates: an authority, and the certificate for localhost that it signs.
//!
//! The authority can vouch for localhost and nothing else (name constraints, RFC 5280 §4.2.1.10), so a stolen key of it harms
//! nobody but the developer. Where the certificates are kept and when they are made again is `development`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};

use super::certificate::Certificate;

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Begins a day early for clocks that are behind; with that it is below the 398 days that Chromium and Safari allow.
pub(super) const LEAF_LIFE: Duration = Duration::from_secs(396 * DAY.as_secs());
/// Trusting it again is work for a person, so it is good for ten years.
pub(super) const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * DAY.as_secs());

/// An authority that can sign.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    valid_until: SystemTime,
}

/// A certificate that was made just now.
pub(super) struct Issued {
    /// It and its authority's.
    pub(super) chain_pem: String,
    pub(super) key_pem: String,
}

impl Authority {
    /// A new one, with a new key.
    pub(super) fn new(now: SystemTime) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let valid_until = now + AUTHORITY_LIFE;
        let mut params = CertificateParams::default();
        params.not_before = (now - DAY).into();
        params.not_after = valid_until.into();
        // The mark tells the authorities of several projects apart in a browser's list.
        let mark: String = params.key_identifier(&key).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name = name(&format!("Transom development authority {mark}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Kinds of names that have no constraint below (mail addresses) are of no use to a server.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("localhost".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
                GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)),
            ],
            excluded_subtrees: Vec::new(),
        });
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, valid_until })
    }

    /// The one in these files, if its key fits and it is valid at `now`.
    pub(super) fn load(certificate: &Path, key: &Path, now: SystemTime) -> Option<Self> {
        let checked = Certificate::load(certificate, key, now).ok()?;
        if now < checked.valid_from() || checked.valid_until() <= now {
            return None;
        }
        let pem = fs::read_to_string(certificate).ok()?;
        let key = KeyPair::from_pem(&fs::read_to_string(key).ok()?).ok()?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).ok()?;
        Some(Self { issuer, pem, valid_until: checked.valid_until() })
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    pub(super) fn valid_until(&self) -> SystemTime {
        self.valid_until
    }

    /// A certificate for these DNS names, `127.0.0.1` and `::1`, with a new key. It does not outlive the authority.
    pub(super) fn issue(&self, names: &[&str], now: SystemTime) -> Result<Issued, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.not_before = (now - DAY).into();
        params.not_after = (now + LEAF_LIFE).min(self.valid_until).into();
        params.distinguished_name = name("localhost");
        for name in names {
            params.subject_alt_names.push(SanType::DnsName((*name).try_into()?));
        }
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let chain_pem = format!("{}{}", params.signed_by(&key, &self.issuer)?.pem(), self.pem);
        Ok(Issued { chain_pem, key_pem: key.serialize_pem() })
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}
