//! The pool of connections that read.

use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

/// The pool of reading connections.
pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

/// A connection on loan from the pool.
pub(crate) struct Reader<'a> {
    pool: &'a Readers,
    connection: Option<Connection>,
}

impl Readers {
    /// A pool of these connections.
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        Self { idle: Mutex::new(connections), returned: Condvar::new() }
    }

    /// Waits for an idle connection. A thread that holds one must not ask for another.
    pub(crate) fn take(&self) -> Reader<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return Reader { pool: self, connection: Some(connection) };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Reader<'_> {
    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("held until the loan ends")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
        self.pool.returned.notify_one();
    }
}
