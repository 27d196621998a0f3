/** Millionths of a US dollar: whole numbers, so that sums are exact. What is left below one is rounded. */
export function toMicros(usd: number): number {
  return Math.round(usd * 1e6)
}

/** The same for an estimate, which must never be less than what it stands for. */
export function toMicrosUp(usd: number): number {
  return Math.ceil(usd * 1e6 - 1e-6)
}

export function toUsd(micros: number): number {
  return micros / 1e6
}

/** $5, $0.50, $0.000012: as few places as it needs, two where it has any. */
export function inDollars(usd: number): string {
  const places = Number.isInteger(usd) ? 0 : Math.max(2, usd.toFixed(6).replace(/0+$/, '').split('.')[1]!.length)
  return `$${usd.toFixed(places)}`
}
