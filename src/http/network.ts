import ipaddr from 'ipaddr.js';

/** Some proxies send a port with the address. */
const withPort = /^(?:\[([^\]]+)\](?::\d+)?|(\d+(?:\.\d+){3}):\d+)$/;

/**
 * The network of a client: an IPv4 address, or the first 64 bits of an IPv6 address, since a client
 * has all addresses of such a network (RFC 6177). IPv4-mapped IPv6 addresses (RFC 4291, section
 * 2.5.5.2) are IPv4. Anything else is the network `unknown`.
 */
export function networkOf(ip: string): string {
  const [, bracketed, plain] = withPort.exec(ip) ?? [];
  const text = bracketed ?? plain ?? ip;
  if (!ipaddr.isValid(text)) return 'unknown';
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.toString();
  const parts = (address as ipaddr.IPv6).parts.slice(0, 4);
  return `${new ipaddr.IPv6([...parts, 0, 0, 0, 0])}/64`;
}
