//! The coded forms of one file: put in at load or later, chosen by what a request accepts.
//!
//! A form is put in once and stays. A request looks at three pointers; it never waits, and takes no lock.

use std::sync::OnceLock;

use super::variant::Variant;
use crate::http::encoding::{self, Coding};

/// All codings; of two forms of one length the earlier is preferred.
const ORDER: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// The forms of a file, as far as they are ready.
#[derive(Debug, Default)]
pub(super) struct CodedForms {
    brotli: OnceLock<Box<Variant>>,
    zstd: OnceLock<Box<Variant>>,
    gzip: OnceLock<Box<Variant>>,
}

impl CodedForms {
    /// The form in this coding, when it is ready.
    pub(super) fn get(&self, coding: Coding) -> Option<&Variant> {
        self.slot(coding).get().map(Box::as_ref)
    }

    /// Puts in a form, from now on to be served. The first of a coding stays.
    pub(super) fn put(&self, coding: Coding, form: Variant) {
        let _ = self.slot(coding).set(Box::new(form));
    }

    /// The form for a value of `Accept-Encoding`; `None` is the file as it is. The client's weights decide; of forms that it weighs
    /// alike (browsers weigh all alike) the shortest is taken.
    pub(super) fn choose(&self, accept_encoding: Option<&[u8]>) -> Option<&Variant> {
        let accept_encoding = accept_encoding?;
        let mut ready = ORDER.map(|coding| self.get(coding).map(|form| (coding, form)));
        ready.sort_by_key(|form| form.map_or(u64::MAX, |(_, form)| form.content.length()));
        let mut codings = [Coding::Brotli; ORDER.len()];
        let mut count = 0;
        for (place, (coding, _)) in codings.iter_mut().zip(ready.iter().flatten()) {
            *place = *coding;
            count += 1;
        }
        let chosen = encoding::choose(Some(accept_encoding), codings.get(..count)?)?;
        self.get(chosen)
    }

    /// The codings of those that are ready, in the order in which they are preferred.
    pub(super) fn codings(&self) -> impl Iterator<Item = Coding> {
        ORDER.into_iter().filter(|&coding| self.get(coding).is_some())
    }

    /// Those that are ready.
    pub(super) fn all(&self) -> impl Iterator<Item = &Variant> {
        ORDER.into_iter().filter_map(|coding| self.get(coding))
    }

    /// The same, with contents that share no memory with other files.
    pub(super) fn detached(&self) -> Self {
        let detached = Self::default();
        for coding in ORDER {
            if let Some(form) = self.get(coding) {
                detached.put(coding, form.detached());
            }
        }
        detached
    }

    const fn slot(&self, coding: Coding) -> &OnceLock<Box<Variant>> {
        match coding {
            Coding::Brotli => &self.brotli,
            Coding::Zstd => &self.zstd,
            Coding::Gzip => &self.gzip,
        }
    }
}
