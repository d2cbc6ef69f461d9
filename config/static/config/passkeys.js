// Says in words that a passkey did not work; django-allauth's scripts only write to the console.

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const trouble = document.querySelector("#passkey-trouble");
  if (trouble) trouble.hidden = false;
});
