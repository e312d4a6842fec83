//! The data-plane child: packet I/O, steering and the control socket around the pure director.
