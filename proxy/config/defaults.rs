//! Every default of the config language, each with its reason.
