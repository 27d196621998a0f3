import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'

/** Where systems put Chromium and what is built from it. */
const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/lib/chromium/chromium',
  '/snap/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/opt/google/chrome/chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

export const INSTALL = 'Install it (Debian and Ubuntu: apt install chromium), or say where it is.'

/** Whether a path is a program that may be started. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return isAbsolute(path) && statSync(path).isFile()
  } catch {
    return false
  }
}

/** The Chromium of this machine: the one that was named, else the first in the usual places; undefined for none. */
export function findChromium(named: string | null | undefined): string | undefined {
  if (named) return isProgram(named) ? named : undefined
  return USUAL_PLACES.find(isProgram)
}

/** Chromium's own sandbox does not work for root, who needs none of what it asks of others. */
export const isRoot = (): boolean => process.getuid?.() === 0

/**
 * What every Chromium of ours is started with, beside what the library gives: nothing goes out past the proxy (no UDP, no
 * QUIC, no names looked up by itself, no pings), and nothing is fetched that no page asked for.
 */
export const SWITCHES = [
  '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
  '--disable-quic',
  '--dns-prefetch-disable',
  '--no-pings',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
]

/**
 * Runs in each frame before anything of the page: what could carry data past the proxy, or does nothing good here, is not
 * there. The switches and the proxy are the wall; this only spares pages the attempt.
 */
export const WITHOUT_SIDE_DOORS = `for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel', 'WebTransport', 'Notification'])
  try { delete globalThis[name] } catch {}`
