/** Every text of the page in both languages. */
const TEXTS = {
  en: {
    title: 'Image lab',
    subtitle: 'Upload to WeChat cloud storage, work on images by file ID',
    language: 'Language',
    modeEmulator:
      'Emulator: no WeChat account is used, and nothing leaves this machine. Images are gone when it stops.',
    modeWeChat: 'WeChat environment {env}: images are stored in its cloud storage.',
    uploadHeading: 'Upload',
    dropLead: 'Drop images here, or paste them',
    choose: 'Choose images',
    uploadRules:
      'PNG, JPEG, WebP, GIF or AVIF, up to 20 MB each. The content decides, not the name.',
    queueLabel: 'Uploads',
    waiting: 'Waiting',
    uploading: '{percent} %',
    storing: 'Storing in the cloud …',
    stored: 'Stored',
    cancelled: 'Cancelled',
    cancel: 'Cancel',
    dismiss: 'Dismiss',
    cancelFile: 'Cancel {name}',
    dismissFile: 'Dismiss {name}',
    galleryHeading: 'Gallery',
    count: '{count} in the cloud',
    empty: 'No images yet. The first one you upload appears here with its file ID.',
    dimensions: '{width} × {height} · {size}',
    madeBy: '{operation} of {name}',
    edit: 'Edit',
    editFile: 'Edit {name}',
    remove: 'Delete',
    removeFile: 'Delete {name}',
    confirmRemove: 'Really delete?',
    removed: '{name} is deleted.',
    copy: 'Copy',
    copyFileId: 'Copy the file ID of {name}',
    copied: 'Copied',
    copyFailed: 'Select and copy',
    workbenchHeading: 'Edit by file ID',
    close: 'Close',
    operation: 'Operation',
    grayscale: 'Grayscale',
    blur: 'Blur',
    resize: 'Resize',
    rotate: 'Rotate',
    watermark: 'Watermark',
    blurLabel: 'Radius',
    resizeLabel: 'Width',
    rotateLabel: 'Angle',
    watermarkText: 'Text',
    run: 'Run',
    running: 'Working …',
    before: 'Before',
    after: 'After',
    afterHint: 'The result appears here and is stored as a file of its own.',
    finished: '{operation} is done.',
    footer:
      'A mini program sends the same request: a file ID and an operation as JSON, never the bytes.',
    errorOffline: 'No connection to the server. Is it running?',
    errorType: '{name} is not an image of an accepted type: its content was checked, not its name.',
    errorSize: '{name} is larger than 20 MB.',
    errorDamaged:
      '{name} is damaged and cannot be read to its end, or it has more than 50 megapixels.',
    errorGone: 'This image is no longer there. Load the page again.',
    errorText: 'Enter a text of up to 40 characters.',
    errorCloud: 'The cloud storage could not complete this. Try again. ({code})',
    errorOther: 'This did not work ({status}).',
    retry: 'Try again',
  },
  zh: {
    title: '图片实验室',
    subtitle: '上传到微信云存储，凭文件 ID 处理图片',
    language: '语言',
    modeEmulator: '模拟器模式：不使用微信账号，所有数据都留在本机，停止服务后图片即清空。',
    modeWeChat: '微信云环境 {env}：图片保存在该环境的对象存储中。',
    uploadHeading: '上传',
    dropLead: '把图片拖到这里，也可以直接粘贴',
    choose: '选择图片',
    uploadRules:
      '支持 PNG、JPEG、WebP、GIF、AVIF，单个文件不超过 20 MB；以文件内容为准，与扩展名无关。',
    queueLabel: '上传列表',
    waiting: '等待中',
    uploading: '{percent}%',
    storing: '正在写入云存储…',
    stored: '上传成功',
    cancelled: '已取消',
    cancel: '取消',
    dismiss: '移除',
    cancelFile: '取消上传 {name}',
    dismissFile: '移除记录 {name}',
    galleryHeading: '图库',
    count: '云端共 {count} 张',
    empty: '还没有图片。上传后，图片和它的文件 ID 会显示在这里。',
    dimensions: '{width} × {height} · {size}',
    madeBy: '{name} · {operation}',
    edit: '处理',
    editFile: '处理 {name}',
    remove: '删除',
    removeFile: '删除 {name}',
    confirmRemove: '确认删除？',
    removed: '已删除 {name}。',
    copy: '复制',
    copyFileId: '复制 {name} 的文件 ID',
    copied: '已复制',
    copyFailed: '请手动复制',
    workbenchHeading: '凭文件 ID 处理图片',
    close: '关闭',
    operation: '操作',
    grayscale: '灰度',
    blur: '模糊',
    resize: '缩放',
    rotate: '旋转',
    watermark: '水印',
    blurLabel: '半径',
    resizeLabel: '宽度',
    rotateLabel: '角度',
    watermarkText: '水印文字',
    run: '开始处理',
    running: '处理中…',
    before: '处理前',
    after: '处理后',
    afterHint: '处理结果会显示在这里，并另存为一个新文件。',
    finished: '{operation}处理完成。',
    footer: '小程序端发送的请求完全相同：JSON 里只有文件 ID 和操作，不传文件内容。',
    errorOffline: '连接不上服务器，请确认服务已启动。',
    errorType: '{name} 不是支持的图片格式（检查的是文件内容，而不是扩展名）。',
    errorSize: '{name} 超过了 20 MB。',
    errorDamaged: '{name} 已损坏，无法完整读取，或者超过了 5000 万像素。',
    errorGone: '这张图片已经不在了，请刷新页面。',
    errorText: '请输入不超过 40 个字符的文字。',
    errorCloud: '云存储未能完成操作，请重试。（{code}）',
    errorOther: '操作失败（{status}）。',
    retry: '重试',
  },
};

const STORAGE_KEY = 'image-lab-language';
const listeners = new Set();
let language = readLanguage();

function readLanguage() {
  try {
    const saved = localStorage.getItem(STORAGE_KEY);
    if (saved !== null && Object.hasOwn(TEXTS, saved)) return saved;
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** The text of a key in the chosen language, with its `{placeholders}` filled in. */
export function t(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** The language tag for formatting numbers. */
export function locale() {
  return language === 'zh' ? 'zh-CN' : 'en';
}

/** Calls back whenever the language changes. */
export function onLanguageChange(listener) {
  listeners.add(listener);
}

/** Fills in every text of the page and makes the language buttons work. */
export function startTranslating() {
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', () => choose(button.dataset.language));
  }
  apply();
}

function choose(chosen) {
  language = chosen;
  try {
    localStorage.setItem(STORAGE_KEY, chosen);
  } catch {
    // See readLanguage.
  }
  apply();
  for (const listener of listeners) listener();
}

function apply() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.title = t('title');
  for (const element of document.querySelectorAll('[data-i18n]')) {
    element.textContent = t(element.dataset.i18n);
  }
  for (const element of document.querySelectorAll('[data-i18n-label]')) {
    element.setAttribute('aria-label', t(element.dataset.i18nLabel));
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === language));
  }
}
