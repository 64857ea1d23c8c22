//! What is said about wrong plans, to the letter.

use super::*;
