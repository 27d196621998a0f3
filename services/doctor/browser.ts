import { findChromium, isRoot } from '../browser/chromium.ts'
import type { Check, Records } from './finding.ts'

/** Whether pages of strangers are opened without the sandbox that Chromium brings; until one was, it is only good to know. */
export const browserSandbox: Check<Records> = ({ settings, config, rows }) => {
  const found = settings.browser_enabled ? findChromium(settings.browser_path ?? config.chromiumPath) : undefined
  if (found === undefined || !isRoot()) return []
  const used = rows(`SELECT 1 FROM steps WHERE tool_name = 'browser' LIMIT 1`).length > 0
  return [
    {
      id: 'browser-sandbox',
      severity: used ? 'warning' : 'info',
      title: used
        ? 'The browser tool runs without the sandbox of Chromium.'
        : 'The browser tool would run without the sandbox of Chromium.',
      detail: `Steward runs as root, for whom ${found} can have no sandbox: a page that breaks out of Chromium would own this machine.`,
      fix: 'Run Steward as an ordinary user, or turn the browser tool off under Settings, Browser.',
    },
  ]
}
