//! What the columns of whole tables say about each other: candidate keys, dependencies, references between tables, and the
//! cells that contradict the rest.
//!
//! Everything here is a pure function of [`hw_base::CodedTable`]; no order of rows, no run and no machine changes an answer.
