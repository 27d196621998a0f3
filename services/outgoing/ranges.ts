import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'

type Address = ReturnType<typeof ipaddr.process>
type Network = [Address, number]

/** Reachable from the machines of one cloud only, although their addresses look like anybody's. */
const CLOUD_INTERNAL = new Set(['168.63.129.16'])

/**
 * Whether an address belongs to the open internet. Everything that is not plain unicast is not: private, loopback,
 * link-local (with the clouds' metadata services), shared, multicast, reserved. An IPv4 address inside an IPv6 one
 * (mapped, NAT64, 6to4) is judged as that IPv4 address.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = innermost(ipaddr.process(text))
  if (address.range() !== 'unicast' || CLOUD_INTERNAL.has(address.toString())) return false
  return address.kind() === 'ipv4' || isGlobalUnicast(address as ipaddr.IPv6)
}

/**
 * The networks this machine stands in, as far as `isPublicAddress` cannot know them: its own public IPv4 addresses and
 * the IPv6 prefix of its site (a /56, what a home is given), behind which the neighbours' firewalls would let it in.
 */
export function ownNetworks(interfaces = networkInterfaces()): Network[] {
  const addresses = Object.values(interfaces).flatMap((entries) => (entries ?? []).map((entry) => entry.address))
  return addresses.filter(isPublicAddress).map((text) => {
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 56]
  })
}

/** Whether an address lies in one of the networks. */
export function isInside(text: string, networks: Network[]): boolean {
  const address = innermost(ipaddr.process(text))
  return networks.some(([base, bits]) => base.kind() === address.kind() && address.match(base as never, bits))
}

function innermost(address: Address): Address {
  if (address.kind() === 'ipv4') return address
  const { parts } = address as ipaddr.IPv6
  if (parts[0] === 0x2002) return fromHalves(parts[1]!, parts[2]!)
  const isNat64 = parts[0] === 0x64 && parts[1] === 0xff9b && parts.slice(2, 6).every((part) => part === 0)
  return isNat64 ? fromHalves(parts[6]!, parts[7]!) : address
}

function fromHalves(high: number, low: number): Address {
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff])
}

/** 2000::/3 is all that was ever given out; the rest of the space is nobody's. */
function isGlobalUnicast(address: ipaddr.IPv6): boolean {
  return (address.parts[0]! & 0xe000) === 0x2000
}
