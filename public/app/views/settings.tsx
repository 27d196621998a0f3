import type { JSX } from 'preact'
import { settingsParts } from '../frame/settings-frame.tsx'
import { Icon, type IconName } from '../ui/icons.tsx'
import { Page } from '../ui/page.tsx'

const ICONS: Record<string, IconName> = {
  '/settings/personality': 'chat',
  '/models': 'robot',
  '/settings/limits': 'chart',
  '/settings/security': 'shield',
  '/settings/credentials': 'key',
  '/settings/mail': 'mail',
  '/settings/webhooks': 'hook',
  '/settings/whitelists': 'globe',
  '/settings/grants': 'shield',
  '/settings/api-keys': 'tool',
  '/settings/data': 'copy',
  '/settings/doctor': 'pulse',
  '/admin/users': 'people',
  '/settings/account': 'person',
}

/** The settings' table of contents. */
export function SettingsPage(): JSX.Element {
  return (
    <Page title="Settings">
      <ul class="tiles plain-list">
        {settingsParts().map(([path, name, about]) => (
          <li key={path}>
            <a class="tile" href={path}>
              <Icon name={ICONS[path] ?? 'gear'} size={22} />
              <span>
                <strong>{name}</strong>
                <span class="muted">{about}</span>
              </span>
            </a>
          </li>
        ))}
        <li>
          <a class="tile" href="/docs">
            <Icon name="book" size={22} />
            <span>
              <strong>API documentation</strong>
              <span class="muted">Every route, to read and to try.</span>
            </span>
          </a>
        </li>
      </ul>
    </Page>
  )
}
