import { findChromium, isRoot } from '../browser/chromium.ts'
import type { Check, Records } from './finding.ts'

/** Whether pages of strangers are opened without the sandbox that Chromium brings. */
export const browserSandbox: Check<Records> = ({ settings, config }) => {
  const found = settings.browser_enabled ? findChromium(settings.browser_path ?? config.chromiumPath) : undefined
  if (found === undefined || !isRoot()) return []
  return [
    {
      id: 'browser-sandbox',
      severity: 'warning',
      title: 'The browser tool runs without the sandbox of Chromium.',
      detail: `Steward runs as root, for whom ${found} can have no sandbox: a page that breaks out of Chromium would own this machine.`,
      fix: 'Run Steward as an ordinary user, or turn the browser tool off under Settings, Browser.',
    },
  ]
}
