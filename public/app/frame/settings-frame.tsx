import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { place } from '../router.ts'
import { isAdmin } from '../session.ts'
import { Page } from '../ui/page.tsx'

type Part = readonly [path: string, name: string, about: string, forAdmins?: true]

/** The parts of the settings. */
const PARTS: readonly Part[] = [
  ['/settings/personality', 'Personality', 'Who your steward is, and what it knows of you.'],
  ['/models', 'Models', 'Which models there are, what they cost, and which one answers.'],
  ['/settings/limits', 'Limits', 'How much Steward may do at once, and what it may spend.', true],
  ['/settings/security', 'Security', 'What stands between the words of others and what Steward does.', true],
  [
    '/settings/commands',
    'Commands',
    'Whether Steward may run commands on this machine, and what they can reach.',
    true,
  ],
  ['/settings/credentials', 'Credentials', 'Keys and passwords that Steward uses, encrypted on this machine.', true],
  ['/settings/whitelists', 'Whitelists', 'Websites, folders and addresses that Steward may use.'],
  ['/settings/grants', 'Grants', 'What you allowed beyond one call: each may be revoked at once.'],
  ['/settings/api-keys', 'API keys', 'Keys for scripts and other programs that talk to Steward.'],
  ['/settings/mail', 'Mail', 'Mail accounts: where mail is read, and by which server it is sent.'],
  ['/settings/telegram', 'Telegram', 'Talk to Steward from your phone, and answer its questions there.'],
  ['/settings/browser', 'Browser', 'The Chromium in which Steward opens pages, and whether it works.', true],
  ['/settings/notices', 'Notices by mail', 'Which notifications come to you by mail as well, and where to.'],
  ['/settings/webhooks', 'Webhooks', 'Addresses that Steward may send messages to.'],
  ['/settings/data', 'Data', 'Backups, export, how long things are kept, and what takes the disk.'],
  ['/settings/doctor', 'Doctor', 'What exposes this house, and how to mend it.', true],
  ['/admin/users', 'Users', 'Who else may use this house. Each has what is theirs alone.', true],
  ['/settings/account', 'Account', 'How you sign in, where you are signed in, the theme and the recovery key.'],
]

/** In which company they stand. What is named nowhere stands with the last. */
const GROUPS: readonly (readonly [name: string, paths: readonly string[]])[] = [
  ['You', ['/settings/account', '/settings/personality']],
  ['Work', ['/models', '/settings/limits']],
  [
    'Safety',
    [
      '/settings/security',
      '/settings/commands',
      '/settings/whitelists',
      '/settings/grants',
      '/settings/credentials',
      '/settings/api-keys',
    ],
  ],
  [
    'Connections',
    ['/settings/mail', '/settings/notices', '/settings/telegram', '/settings/browser', '/settings/webhooks'],
  ],
  ['House', ['/settings/data', '/settings/doctor', '/admin/users']],
]

export type SettingsGroup = { name: string; parts: readonly Part[] }

/** Those that are open to whoever reads the page, group by group. */
export function settingsGroups(): readonly SettingsGroup[] {
  const open = PARTS.filter(([, , , forAdmins]) => !forAdmins || isAdmin())
  const named = new Set(GROUPS.flatMap(([, paths]) => paths))
  const rest = open.filter(([path]) => !named.has(path))
  return GROUPS.map(([name, paths], index) => ({
    name,
    parts: [
      ...paths.flatMap((wanted) => open.filter(([path]) => path === wanted)),
      ...(index === GROUPS.length - 1 ? rest : []),
    ],
  })).filter(({ parts }) => parts.length > 0)
}

type SettingsFrameProps = { actions?: ComponentChildren; children: ComponentChildren }

/** The frame of every settings page: its name, what it is for, and beside or above it the way to the others. */
export function SettingsFrame({ actions, children }: SettingsFrameProps): JSX.Element {
  const groups = settingsGroups()
  const here = groups.flatMap(({ parts }) => parts).find(([path]) => path === place.value.path)
  const ways = useRef<HTMLElement>(null)
  useEffect(() => {
    ways.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [here])
  return (
    <div class="settings">
      <nav class="settings-ways" aria-label="Settings" ref={ways}>
        {groups.map(({ name, parts }) => (
          <div key={name} role="group" aria-label={name}>
            <span class="settings-group" aria-hidden="true">
              {name}
            </span>
            {parts.map(([path, label]) => (
              <a key={path} href={path} aria-current={path === here?.[0] ? 'page' : undefined}>
                {label}
              </a>
            ))}
          </div>
        ))}
      </nav>
      <Page title={here?.[1] ?? 'Settings'} intro={here?.[2]} actions={actions}>
        {children}
      </Page>
    </div>
  )
}
