import { expect, it } from '@jest/globals';
import {
  CONTROLS,
  pick,
  uploadAll,
  uploadsOf,
  type PageTools,
} from '../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../support/image-lab/pictures.js';

/** The keyboard, small screens, languages; tests in Chinese come last. */
export function describeForEverybody({ lab, openPage }: PageTools): void {
  it('reaches every control by the Tab key', async () => {
    const { page } = await openPage(lab.url);
    await uploadAll(page, await makeImage('png', 'a.png'));
    const count = await page.evaluate<number>(`${CONTROLS}.length`);

    await page.evaluate('window.reached = new Set(), document.activeElement.blur()');
    for (let step = 0; step < count + 3; step += 1) {
      await page.keyboard.press('Tab');
      await page.evaluate('reached.add(document.activeElement)');
    }

    expect(count).toBeGreaterThan(6);
    expect(
      await page.evaluate(`${CONTROLS}.filter(c => !reached.has(c)).map(c => c.outerHTML)`),
    ).toEqual([]);
  });

  it('uploads and operates by keyboard alone', async () => {
    const { page } = await openPage(lab.url);
    const chooser = page.waitForEvent('filechooser');
    await page.locator('#files').focus();
    await page.keyboard.press('Enter');
    await (await chooser).setFiles([await makeImage('png', 'keys.png')]);
    const edit = page.getByRole('button', { name: 'Edit keys.png' });
    await edit.waitFor();

    await edit.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.locator('[data-part=afterPicture] img').waitFor();
    expect(await page.locator('[data-part=request]').textContent()).toContain('"blur"');

    await page.keyboard.press('Escape');
    await page.locator('#workbench').waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Edit keys.png');
  });

  it('uses the language of the browser, and remembers another choice', async () => {
    const { page } = await openPage(lab.url, { locale: 'zh-CN' });
    const html = page.locator('html');

    await page.getByText('数据不会离开本机').waitFor();
    expect(await html.getAttribute('lang')).toBe('zh-CN');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('Nothing leaves this machine.').waitFor();
    await page.reload();
    await page.getByText('Nothing leaves this machine.').waitFor();

    expect(await html.getAttribute('lang')).toBe('en');
  });

  it('explains a rejection in Chinese, and follows a change of language', async () => {
    const { page } = await openPage(lab.url, { locale: 'zh-CN' });

    await pick(page, { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('a text') });
    await uploadsOf(page).getByText('不支持的文件类型').waitFor();
    await page.getByRole('button', { name: 'English' }).click();

    await uploadsOf(page).getByText('Not an image this lab takes').waitFor();
    expect(await page.locator('main').innerText()).not.toMatch(/\p{Script=Han}/u);
  });

  it('fits a screen of 360 pixels in Chinese', async () => {
    const { page } = await openPage(lab.url, { locale: 'zh-CN' });
    await page.setViewportSize({ width: 360, height: 740 });
    await uploadAll(page, await makeImage('png', `${'a-long-name-'.repeat(9)}.png`));
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);

    await page.locator('button.thumbnail').click();
    await page.locator('.operation').last().click();
    await page.locator('#workbench [type=submit]').click();
    await page.locator('[data-part=afterPicture] img').waitFor();

    expect(await page.evaluate('document.getElementById("workbench").scrollWidth')).toBe(360);
  });
}
