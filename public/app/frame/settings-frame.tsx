import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { place } from '../router.ts'
import { isAdmin } from '../session.ts'
import { Page } from '../ui/page.tsx'

type Part = readonly [path: string, name: string, about: string, forAdmins?: true]

/** The parts of the settings, in the order of their tabs. */
const PARTS: readonly Part[] = [
  ['/settings/personality', 'Personality', 'Who your steward is, and what it knows of you.'],
  ['/models', 'Models', 'Which models there are, what they cost, and which one answers.'],
  ['/settings/limits', 'Limits', 'How much Steward may do at once, and what it may spend.', true],
  ['/settings/security', 'Security', 'What stands between the words of others and what Steward does.', true],
  ['/settings/credentials', 'Credentials', 'Keys and passwords that Steward uses, encrypted on this machine.', true],
  ['/settings/whitelists', 'Whitelists', 'Websites, folders and addresses that Steward may use.'],
  ['/settings/grants', 'Grants', 'What you allowed beyond one call: each may be revoked at once.'],
  ['/settings/api-keys', 'API keys', 'Keys for scripts and other programs that talk to Steward.'],
  ['/settings/mail', 'Mail', 'Mail accounts: where mail is read, and by which server it is sent.'],
  ['/settings/webhooks', 'Webhooks', 'Addresses that Steward may send messages to.'],
  ['/settings/data', 'Data', 'Backups, export, how long things are kept, and what takes the disk.'],
  ['/settings/doctor', 'Doctor', 'What exposes this house, and how to mend it.', true],
  ['/admin/users', 'Users', 'Who else may use this house. Each has what is theirs alone.', true],
  ['/settings/account', 'Account', 'How you sign in, where you are signed in, the theme and the recovery key.'],
]

/** Those that are open to whoever reads the page. */
export const settingsParts = (): readonly Part[] => PARTS.filter(([, , , forAdmins]) => !forAdmins || isAdmin())

type SettingsFrameProps = { actions?: ComponentChildren; children: ComponentChildren }

/** The frame of every settings page: its name, what it is for, and the way to the others. */
export function SettingsFrame({ actions, children }: SettingsFrameProps): JSX.Element {
  const parts = settingsParts()
  const here = parts.find(([path]) => path === place.value.path)
  const tabs = useRef<HTMLElement>(null)
  useEffect(() => {
    tabs.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [here])
  return (
    <>
      <nav class="tabs" aria-label="Settings" ref={tabs}>
        {parts.map(([path, name]) => (
          <a key={path} href={path} aria-current={path === here?.[0] ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <Page title={here?.[1] ?? 'Settings'} intro={here?.[2]} actions={actions}>
        {children}
      </Page>
    </>
  )
}
