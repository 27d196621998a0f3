import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import type { EmailRule, StartingAccount } from '../work/email-rule-types.ts'
import type { Agent, List } from '../work/types.ts'
import { EmailRuleDialog } from './email-rule-dialog.tsx'
import { EmailRuleRow } from './email-rule-row.tsx'
import { EmailStartDialog } from './email-start-dialog.tsx'
import { EmailTester } from './email-tester.tsx'

type EmailRulesProps = { account: StartingAccount; reload: () => Promise<void> }
type Editing = EmailRule | 'new' | 'start' | 'try' | null

/** Which mails of an account start which agent, and a way to try one. */
export function EmailRules({ account, reload }: EmailRulesProps): JSX.Element {
  const path = `/api/email-accounts/${account.id}/triggers`
  const rules = useResource<List<EmailRule>>(`${path}?limit=200`)
  const agents = useResource<Agent[]>('/api/agents')
  const [editing, setEditing] = useState<Editing>(null)
  const close = () => setEditing(null)
  const saved = async () => {
    close()
    await Promise.all([rules.reload(), reload()])
  }
  const items = rules.data?.items
  const nameOf = (id: string | null) => agents.data?.find((agent) => agent.id === id)?.name
  return (
    <Section
      title="What a mail starts"
      actions={
        <div class="row-actions">
          <Button onClick={() => setEditing('try')}>Try a mail</Button>
          <Button look="primary" icon="plus" disabled={agents.data === undefined} onClick={() => setEditing('new')}>
            Add rule
          </Button>
        </div>
      }
    >
      {account.account_type === 'handling' && <Handled account={account} />}
      <Allowed account={account} agent={nameOf(account.agent_id)} change={() => setEditing('start')} />
      <Problem error={rules.error ?? agents.error} retry={() => void saved()} />
      {!items && rules.loading && <Loading />}
      {items?.length === 0 && (
        <Empty icon="mail" title="No rules">
          {account.agent_id === null
            ? 'No mail starts anything yet. Add a rule, or give the account an agent for every mail.'
            : `Every mail of somebody who is allowed starts ${nameOf(account.agent_id) ?? 'its agent'}.`}
        </Empty>
      )}
      {(items?.length ?? 0) > 1 && (
        <p class="muted small">
          They are tried from the top. Whether one mail may start several is said in Settings → Mail.
        </p>
      )}
      <ul class="rows plain-list" aria-label="Rules">
        {(items ?? []).map((rule) => (
          <EmailRuleRow
            key={rule.id}
            rule={rule}
            agent={nameOf(rule.agent_id ?? account.agent_id)}
            path={`${path}/${rule.id}`}
            of={items!.length}
            edit={() => setEditing(rule)}
            reload={rules.reload}
          />
        ))}
      </ul>
      {editing === 'try' && <EmailTester path={path} onClose={close} />}
      {editing === 'start' && (
        <EmailStartDialog account={account} agents={agents.data ?? []} onClose={close} onSaved={() => void saved()} />
      )}
      {editing !== null && editing !== 'try' && editing !== 'start' && (
        <EmailRuleDialog
          rule={editing === 'new' ? null : editing}
          path={path}
          agents={agents.data ?? []}
          ownAgent={account.agent_id === null ? undefined : (nameOf(account.agent_id) ?? 'an agent that is gone')}
          onClose={close}
          onSaved={() => void saved()}
        />
      )}
    </Section>
  )
}

function Handled({ account: { extra_tools: tools } }: { account: StartingAccount }) {
  const more = tools.length === 0 ? 'nothing else' : `these tools: ${tools.join(', ')}`
  return (
    <p class="break">
      An agent looks after this mailbox, mail by mail. It has the mailbox and {more}, and asks before it marks, moves,
      drafts or answers.
    </p>
  )
}

type AllowedProps = { account: StartingAccount; agent: string | undefined; change: () => void }

function Allowed({ account, agent, change }: AllowedProps) {
  const { allowed_senders: listed, authserv_id: server, agent_id } = account
  const who =
    listed === null
      ? 'Only senders on the email whitelist start anything'
      : listed.includes('*')
        ? 'Anybody who writes starts what fits'
        : listed.length === 0
          ? 'Nobody is allowed to start anything'
          : `Only these senders start anything: ${listed.join(', ')}`
  const proof = server === null ? ', as far as their From field can be believed.' : `, once ${server} vouches for them.`
  return (
    <div class="row card-row">
      <div class="row-text break">
        {who}
        {proof}{' '}
        <span class="muted">
          {agent_id === null
            ? 'The account names no agent of its own.'
            : agent === undefined
              ? 'The agent of the account is gone.'
              : `Agent of the account: ${agent}.`}
        </span>
      </div>
      <div class="row-actions">
        <Button small onClick={change}>
          Change who and what
        </Button>
      </div>
    </div>
  )
}
