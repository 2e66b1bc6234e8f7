import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withEngine } from '../engine/with-engine.js';
import { SlackStand, slackConfig } from './slack-stand.js';

const engine = withEngine();
let stand: SlackStand;
beforeEach(async () => {
  stand = await SlackStand.create(engine());
});
afterEach(() => stand.close());

describe('the configuration', () => {
  it.each([
    ['a playbook that there is not', slackConfig.replace('playbook: brief', 'playbook: nothing'), 'slack playbook'],
    ['an endpoint that there is not', slackConfig.replace('notifyEndpoint: soc', 'notifyEndpoint: other'), 'slack notifyEndpoint'],
    ['an endpoint of another kind', slackConfig.replace('notifyEndpoint: soc', 'notifyEndpoint: soar'), 'slack notifyEndpoint'],
    ['an endpoint that may not hear of it', slackConfig.replace('notifyEndpoint: soc', 'notifyEndpoint: bank'), 'slack notifyEndpoint'],
    ['a cluster that nobody serves', `${slackConfig}  cluster: east`, 'slack cluster'],
    ['a name in place of an id', slackConfig.replace('[C0123456789]', '["#incidents"]'), 'slack channels'],
    ['nobody', slackConfig.replace('[U0123456789, U0000000002]', '[]'), 'slack users'],
    ['a field that is not known', `${slackConfig}  user: x`, 'slack'],
    ['no file of a secret', slackConfig.replace('signingSecretFile: signing-secret', 'signingSecretFile: nowhere'), 'slack signingSecretFile'],
  ])('with %s names the field', async (_what, text, field) => {
    await expect(stand.open(text)).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining(field) as string });
  });

  it('with a secret that is none does not repeat it', async () => {
    const error = await stand.open(slackConfig, 'two words').catch((cause: unknown) => cause as Error);
    expect(error).toMatchObject({ code: 'config-invalid' });
    expect((error as Error).message).not.toContain('two words');
  });
});
