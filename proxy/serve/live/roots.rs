//! The roots of a plan that is served: what their files may take, how they are loaded, and what another build of one finds beside the others.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Live, LiveAction};
use crate::assets::{self, Assets, Delivery, Kept, LoadError, PageOptions, Storage, Summary, Taken};
use crate::config::{CodedFiles, Folder};
use crate::http::path;
use crate::plan::{self, Plan, ResponsePolicy};
use crate::units::Scheme;

/// Larger files stay on disk: a folder of films must not become memory.
const MEMORY_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Files on disk that are kept open at most: each takes about a kilobyte of the kernel's memory.
const OPEN_FILES_MAX: usize = 4096;
/// And at most one of so many descriptors: connections need them, and while a new build is loaded there are two sets.
const DESCRIPTORS_PER_OPEN_FILE: u64 = 4;

/// A root that is served.
#[derive(Debug, Clone)]
pub struct Root {
    /// Index of its route.
    pub route: usize,
    /// Where its files are, and how they are served.
    pub folder: Folder,
}

impl Live {
    /// The roots that are served.
    pub fn roots(&self) -> Vec<Root> {
        let folder = |route: &plan::Route| match &route.action {
            plan::Action::Root(folder) => Some(folder.clone()),
            plan::Action::NotFound | plan::Action::Proxy { .. } | plan::Action::Redirect { .. } | plan::Action::Respond { .. } => None,
        };
        self.plan.routes.iter().enumerate().filter_map(|(route, planned)| Some(Root { route, folder: folder(planned)? })).collect()
    }

    /// What the route with this index serves its files from, and the files of earlier builds that it still has.
    pub fn build_of(&self, route: usize) -> Option<(&Arc<Assets>, &Kept)> {
        let route = self.routes.get(route)?;
        match &route.action {
            LiveAction::Assets(assets) => Some((assets, &route.kept)),
            LiveAction::Forward { .. }
            | LiveAction::Redirect { .. }
            | LiveAction::Respond { .. }
            | LiveAction::Operations(_)
            | LiveAction::NotFound => None,
        }
    }

    /// Loads a root as it is now, beside what serves; of that, what is unchanged is taken over.
    ///
    /// # Errors
    /// When it cannot be read, or is not what the plan says.
    pub fn load_root(&self, root: &Root, now: SystemTime) -> Result<(Assets, Summary), LoadError> {
        let left = self.left_beside(root.route);
        load_folder(
            &root.folder,
            &self.route(root.route).policy,
            (self.plan.coded_files, now, left),
            self.build_of(root.route).map(|(assets, _)| &**assets),
        )
    }

    /// What the files of one root may take, beside all that those of the others do.
    fn left_beside(&self, route: usize) -> Storage {
        let mut left = storage(&self.plan);
        for (_, other) in self.routes.iter().enumerate().filter(|&(index, _)| index != route) {
            if let LiveAction::Assets(assets) = &other.action {
                left.take(assets.taken());
                left.take(Taken { memory_bytes: other.kept.memory_bytes(), open_files: 0 });
            }
        }
        left
    }

    /// Bytes of memory that are left for more than the files of this build at a route.
    pub fn room_beside(&self, route: usize, assets: &Assets) -> u64 {
        let mut left = self.left_beside(route);
        left.take(assets.taken());
        left.memory_bytes_max
    }

    /// Bytes of memory that all files take, with what is kept about them.
    pub fn memory_bytes(&self) -> u64 {
        let all = storage(&self.plan).memory_bytes_max;
        all.saturating_sub(self.left_beside(usize::MAX).memory_bytes_max)
    }

    /// What the page of a build asks for at once that the build does not have, as far as it is this root that would answer.
    pub fn missing_references(&self, root: &Root, assets: &Assets) -> Vec<String> {
        let is_missing = |reference: &String| {
            let Ok(path) = path::normalize(reference.as_bytes()) else { return false };
            let matched = self.plan.router.route(&path);
            matched.route == root.route && path.get(matched.covered_bytes..).is_some_and(|below| !assets.has_file(below))
        };
        assets.page_references().into_iter().filter(is_missing).collect()
    }

    /// Begins what is done for the files while they are served. A plan that is only checked does not need it.
    pub fn begin_coding(&self) {
        for (index, route) in self.routes.iter().enumerate() {
            if let LiveAction::Assets(assets) = &route.action {
                begin_coding(assets, self.room_beside(index, assets));
            }
        }
    }
}

/// Begins what is done for the files of one root while they are served, in no more memory than `room_bytes`.
pub fn begin_coding(assets: &Assets, room_bytes: u64) {
    if let Err(error) = assets.begin_coding(room_bytes) {
        tracing::warn!(%error, "no thread to compress files in: those without siblings are served as they are");
    }
}

/// What all roots together may take.
pub(super) fn storage(plan: &Plan) -> Storage {
    let listens = |scheme| plan.listeners.iter().any(|listener| listener.scheme == scheme);
    let delivery = match (listens(Scheme::Http), listens(Scheme::Https)) {
        (true, true) if plan.https_redirect.is_none() => Delivery::Both,
        (_, true) => Delivery::Encrypted,
        (_, false) => Delivery::Plain,
    };
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let open_files_max = usize::try_from(descriptors / DESCRIPTORS_PER_OPEN_FILE).unwrap_or(OPEN_FILES_MAX).min(OPEN_FILES_MAX);
    Storage { memory_bytes_max: plan.limits.assets_memory.0, open_files_max, delivery }
}

pub(super) fn load_folder(
    folder: &Folder,
    policy: &ResponsePolicy,
    (coded, now, storage): (CodedFiles, SystemTime, Storage),
    previous: Option<&Assets>,
) -> Result<(Assets, Summary), LoadError> {
    let decorate = |fields| policy.decorate(fields);
    let options = assets::Options {
        index: &folder.index,
        spa: folder.spa.as_ref().map(|spa| spa.value.as_str()),
        errors: &folder.errors,
        listing: folder.listing,
        environment: folder.env.as_ref(),
        pages: PageOptions { early_hints: folder.early_hints, nonce: policy.nonced.is_some() },
        decorate: &decorate,
        memory_file_bytes_max: MEMORY_FILE_BYTES_MAX,
        storage,
        now,
        selection: &folder.selection,
        coded: assets::CodedSources { siblings: coded.precompressed, compress: coded.compress },
        previous,
    };
    Assets::load(&folder.root.value, &options)
}
