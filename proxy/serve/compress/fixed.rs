//! An answer that is the same for every request: compressed once, when it is loaded, so that no request pays for it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::fields::{add_vary, dress, facts};
use super::is_eligible;
use super::whole::encode_whole;
use crate::config::Compression;
use crate::http::encoding::{self, Coding};
use crate::http::fields::FieldBlock;
use crate::http::request::{Known, RequestHead};
use crate::serve::exchange::split_lines;

/// A body and its fields, in every coding that makes it smaller.
#[derive(Debug)]
pub(crate) struct Fixed {
    plain: Form,
    coded: Vec<(Coding, Form)>,
    /// The codings of `coded`, the most wanted first.
    codings: Vec<Coding>,
}

/// One form of it.
#[derive(Debug)]
pub(crate) struct Form {
    /// Its fields.
    pub(crate) block: FieldBlock,
    /// Its bytes.
    pub(crate) body: Bytes,
}

impl Fixed {
    /// Compresses a body where its type, its length and its fields allow that.
    pub(crate) fn new(block: FieldBlock, body: Bytes, rules: &Compression) -> Self {
        let facts = facts(block.lines());
        let is_eligible = facts.media_type.is_some_and(|media_type| is_eligible(media_type, rules)) && !facts.untouchable.is_set();
        if !is_eligible || (body.len() as u64) < rules.min_size.0.max(1) {
            return Self { plain: Form { block, body }, coded: Vec::new(), codings: Vec::new() };
        }
        let mut lines = block.lines().to_vec();
        add_vary(&mut lines, facts.vary);
        let form = |&coding: &Coding| {
            // What cannot be compressed is sent as it is.
            let coded = encode_whole(coding, rules.level.of(coding), &body).ok().filter(|coded| coded.len() < body.len())?;
            let mut lines = lines.clone();
            dress(&mut lines, coding.name());
            Some((coding, Form { block: block_of(&lines), body: coded.into() }))
        };
        let coded: Vec<_> = rules.dynamic.iter().filter_map(form).collect();
        if coded.is_empty() {
            return Self { plain: Form { block, body: body.clone() }, coded, codings: Vec::new() };
        }
        let codings = coded.iter().map(|(coding, _)| *coding).collect();
        Self { plain: Form { block: block_of(&lines), body: body.clone() }, coded, codings }
    }

    /// The form that this request gets.
    pub(crate) fn form(&self, request: &RequestHead) -> &Form {
        if self.codings.is_empty() {
            return &self.plain;
        }
        let chosen = encoding::choose(request.joined(Known::AcceptEncoding).as_deref(), &self.codings);
        self.coded.iter().find(|(coding, _)| Some(*coding) == chosen).map_or(&self.plain, |(_, form)| form)
    }
}

fn block_of(lines: &[u8]) -> FieldBlock {
    FieldBlock::new(
        split_lines(lines).filter_map(|(name, value)| Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))),
    )
}

#[cfg(test)]
mod tests {
    use super::super::encoder::tests::decode;
    use super::*;
    use crate::config::defaults;
    use crate::http::request::Version;

    fn fixed(bytes: usize, content_type: &'static str) -> Fixed {
        let block = FieldBlock::new([(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Fixed::new(block, "a text ".repeat(bytes / 7).into(), &defaults::compression())
    }

    fn request(accept: &str) -> RequestHead {
        let mut request = RequestHead::default();
        request.start(Version::Http11, b"GET", b"/");
        request.push(b"Accept-Encoding", accept.as_bytes());
        request
    }

    fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
        form.block.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    #[test]
    fn a_long_text_has_a_form_for_every_coding() {
        let fixed = fixed(7000, "text/plain");
        for (accept, coding) in [("zstd", Coding::Zstd), ("br", Coding::Brotli), ("gzip", Coding::Gzip)] {
            let request = request(accept);
            let form = fixed.form(&request);
            assert_eq!((field(form, "content-encoding"), field(form, "vary")), (Some(accept), Some("Accept-Encoding")));
            assert_eq!(decode(coding, &form.body).len(), 7000);
        }
        let plain = request("identity");
        let form = fixed.form(&plain);
        assert_eq!((field(form, "content-encoding"), field(form, "vary")), (None, Some("Accept-Encoding")));
    }

    #[test]
    fn a_short_text_and_a_picture_stay_as_they_are() {
        for fixed in [fixed(70, "text/plain"), fixed(7000, "image/png")] {
            let request = request("gzip");
            let form = fixed.form(&request);
            assert_eq!((field(form, "content-encoding"), field(form, "vary")), (None, None));
        }
    }
}
