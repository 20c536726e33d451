/**
 * Where an app asks for names that has no resolver on its own loopback: with a real network, where pasta hands what is sent
 * here to the host's resolver, and in a virtual machine. From the range of RFC 2544; no name is given this address.
 */
export const RESOLVER_ADDRESS = "198.18.0.53";
