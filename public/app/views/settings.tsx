import type { JSX } from 'preact'
import { settingsGroups } from '../frame/settings-frame.tsx'
import { Icon, type IconName } from '../ui/icons.tsx'
import { Page, Section } from '../ui/page.tsx'

const ICONS: Record<string, IconName> = {
  '/settings/personality': 'chat',
  '/models': 'robot',
  '/settings/limits': 'chart',
  '/settings/security': 'shield',
  '/settings/commands': 'screen',
  '/settings/credentials': 'key',
  '/settings/mail': 'mail',
  '/settings/telegram': 'chat',
  '/settings/browser': 'screen',
  '/settings/notices': 'ring',
  '/settings/webhooks': 'hook',
  '/settings/whitelists': 'globe',
  '/settings/grants': 'shield',
  '/settings/api-keys': 'tool',
  '/settings/data': 'copy',
  '/settings/doctor': 'pulse',
  '/admin/users': 'people',
  '/settings/account': 'person',
  '/docs': 'book',
}

const LAST = 'House'

/** The settings' table of contents. */
export function SettingsPage(): JSX.Element {
  return (
    <Page title="Settings">
      {settingsGroups().map(({ name, parts }) => (
        <Section key={name} title={name}>
          <ul class="tiles plain-list">
            {parts.map(([path, title, about]) => (
              <Tile key={path} path={path} title={title} about={about} />
            ))}
            {name === LAST && <Tile path="/docs" title="API documentation" about="Every route, to read and to try." />}
          </ul>
        </Section>
      ))}
    </Page>
  )
}

function Tile({ path, title, about }: { path: string; title: string; about: string }): JSX.Element {
  return (
    <li>
      <a class="tile" href={path}>
        <Icon name={ICONS[path] ?? 'gear'} size={22} />
        <span>
          <strong>{title}</strong>
          <span class="muted">{about}</span>
        </span>
      </a>
    </li>
  )
}
