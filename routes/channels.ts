import type { KeptFrame, PassingFrame } from '../services/shapes/frames.ts'

/** The channel that a frame of a run belongs to, for sockets that subscribed. */
export function channelOf(frame: KeptFrame | PassingFrame): string {
  if (frame.type === 'tool_start' || frame.type === 'tool_done') return 'agent.tool_call'
  if (frame.type === 'confirmation_required' || frame.type === 'confirmation_closed') return 'approvals'
  if (frame.type === 'notification') return 'notifications'
  if (frame.type === 'run' || frame.type === 'state' || frame.type === 'error') return 'agent.status'
  return 'agent.message'
}

export function isWanted(channel: string, channels: ReadonlySet<string>): boolean {
  return channels.has(channel)
}
