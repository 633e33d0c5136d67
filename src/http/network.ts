import ipaddr from 'ipaddr.js';

/** Some proxies name a port beside the address. */
const withPort = /^(?:\[([^\]]+)\](?::\d+)?|(\d+(?:\.\d+){3}):\d+)$/;

/**
 * The network that a request comes from: an IPv4 address, or the first 64 bits of an IPv6 one, since whoever has one of
 * those has all of them (RFC 6177). IPv4 written as IPv6 (RFC 4291, 2.5.5.2) is IPv4. What is no address is `unknown`, all of it one.
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
